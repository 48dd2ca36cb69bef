//! How values travel: parameters as text that Postgres parses into the type of their place, results as bytes that are
//! passed through.
//!
//! It must never print a parameter: the driver logs parameters at debug level.

use std::error::Error;
use std::fmt;

use access::statement::Parameter;
use bytes::BytesMut;
use postgres_types::{Format, FromSql, IsNull, ToSql, Type};

/// A statement parameter in text form, for a place of any type.
pub(super) struct TextParameter<'a>(pub(super) &'a Parameter);

impl fmt::Debug for TextParameter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

impl ToSql for TextParameter<'_> {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        match self.0 {
            Parameter::Null => return Ok(IsNull::Yes),
            // The common case without the copy that `literal` makes.
            Parameter::Text(text) => out.extend_from_slice(text.as_bytes()),
            Parameter::Array(_) => out.extend_from_slice(self.0.literal().unwrap_or_default().as_bytes()),
        }
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    fn encode_format(&self, _: &Type) -> Format {
        Format::Text
    }

    fn to_sql_checked(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        self.to_sql(ty, out)
    }
}

/// A result column of any text-like type (`text`, `varchar`, `name`, `json`, `jsonb`…), borrowed from the row.
/// Cost: one UTF-8 check, no copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RawText<'a>(pub &'a str);

impl<'a> FromSql<'a> for RawText<'a> {
    fn from_sql(ty: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        let raw = match raw.split_first() {
            // jsonb is sent as a version byte and the text.
            Some((1, rest)) if *ty == Type::JSONB => rest,
            Some(_) | None => raw,
        };
        Ok(Self(std::str::from_utf8(raw)?))
    }

    fn accepts(ty: &Type) -> bool {
        <&str as FromSql<'_>>::accepts(ty) || matches!(*ty, Type::JSON | Type::JSONB)
    }
}
