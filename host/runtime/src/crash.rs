//! Points at which a test ends the process, to see what is left. They are there only with the feature `failpoints`.

/// A point of the name `NAME-WHEN`. With the feature it ends the process if the variable `FAILPOINTS` says so:
/// `done-before=2*off->return` at the third time.
#[cfg(feature = "failpoints")]
pub fn point(name: &str, when: &str) {
    fail::fail_point!(&format!("{name}-{when}"), |_| std::process::abort());
}

/// Nothing, without the feature `failpoints`.
#[cfg(not(feature = "failpoints"))]
pub fn point(_: &str, _: &str) {}
