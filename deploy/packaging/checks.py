"""Every check of chart, Dockerfile and compose file. Prints a line per check and, at the end, the sum as cargo prints it.

It must never pass a check that did not run: what is missing is a failure.
"""

import sys
import traceback

import chart
import containers
import release
import values_table


def main():
    if sys.argv[1:] == ["readme"]:
        values_table.write()
        return 0
    passed = failed = 0
    for module in (chart, containers, values_table, release):
        for name, check in module.checks():
            try:
                check()
                passed += 1
                print(f"test {module.__name__}::{name} ... ok", flush=True)
            except Exception:  # noqa: BLE001, whatever goes wrong is a failed check
                failed += 1
                print(f"test {module.__name__}::{name} ... FAILED\n{traceback.format_exc()}", flush=True)
    print(f"\ntest result: {'FAILED' if failed else 'ok'}. {passed} passed; {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
