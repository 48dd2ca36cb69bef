//! Statements as text: that values stay out of it.
