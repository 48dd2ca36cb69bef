//! A mix of all faults, as many as fit into three minutes, with a seed of its own for each run.
//!
//! It must never pass because nothing was checked.

#[cfg(test)]
mod mix {
    use faults::{Options, run};
    use service_runtime::Tasks;

    #[test]
    fn nothing_is_lost_doubled_or_leaked_while_things_go_wrong() {
        let options = Options {
            seed: None,
            minutes: 3.0,
            long: false,
            only: Vec::new(),
            episodes: 1,
            rate: 40.0,
            gateway: None,
            worker: None,
            keep_logs: false,
        };
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let report = runtime.block_on(run(&options, &Tasks::new())).unwrap();
        assert!(report.faults() >= 3, "too slow to be a test:\n{}", report.table());
        assert!(!report.failed(), "replay with `faults --seed {}`:\n{}\n{}", report.seed, report.table(), report.findings(3));
    }
}
