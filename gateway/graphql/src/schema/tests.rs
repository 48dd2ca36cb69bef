use std::sync::Arc;

use access::permission::Permissions;
use access::testing;

use super::Schema;

#[test]
fn nobody_sees_one_empty_field() {
    let schema = Schema::build(&Arc::new(testing::newsroom()), &Permissions::none());
    assert_eq!(schema.sdl(), "type Query {\n  _empty: Void\n}\n\n\"\"\"Represents NULL values\"\"\"\nscalar Void\n");
}
