//! Patterns of paths.

/// A path, or with `/*` at its end whatever is below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    /// The path, or what is before the `*`.
    text: String,
    below: bool,
}

impl Pattern {
    /// Reads it as it is typed.
    pub fn parse(typed: &str) -> Result<Self, String> {
        let (text, below) = match typed.strip_suffix("/*") {
            Some(folder) => (format!("{folder}/"), true),
            None => (typed.to_owned(), false),
        };
        if text.starts_with('/') && !text.contains('*') {
            Ok(Self { text, below })
        } else {
            Err(format!("`{typed}` is not a path\nhint: it starts with `/`, and `*` is only its end, as in `/v2/*`"))
        }
    }

    /// Whether it stands for the path of a request, without its query. A path that someone may read as another one,
    /// such as `/v2/../v1`, is below nothing.
    pub fn matches(&self, path: &str) -> bool {
        if self.below { path.starts_with(&self.text) && is_plain(path) } else { path == self.text }
    }
}

/// Whether a path means the same to all who read it: no empty segments, none that lead up, nothing escaped that would
/// make such.
fn is_plain(path: &str) -> bool {
    let escaped = path.to_ascii_lowercase();
    // `.`, `/`, `\`, and `%` itself for those who decode twice.
    let hidden = ["%2e", "%2f", "%5c", "%25", "\\"].iter().any(|hidden| escaped.contains(hidden));
    !hidden && !path.contains("//") && !path.split('/').any(|segment| segment == "." || segment.starts_with(".."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_a_path_or_a_folder() {
        for (pattern, path, expect) in [
            ("/v1/score", "/v1/score", true),
            ("/v1/score", "/v1/score/", false),
            ("/v1/score", "/v1/scores", false),
            ("/v1/score", "/V1/score", false),
            ("/v2/*", "/v2/models/double/infer", true),
            ("/v2/*", "/v2/", true),
            ("/v2/*", "/v2", false),
            ("/v2/*", "/v2x/y", false),
            ("/v2/*", "/v2/models/a%20b", true),
            ("/v2/*", "/v2/../v1/score", false),
            ("/v2/*", "/v2/..;/v1/score", false),
            ("/v2/*", "/v2/%2E%2e/v1/score", false),
            ("/v2/*", "/v2/%252e%252e/v1/score", false),
            ("/v2/*", "/v2/..%2fv1/score", false),
            ("/v2/*", "/v2/..\\v1", false),
            ("/v2/*", "/v2//v1/score", false),
            ("/v2/*", "//v2/x", false),
            ("/*", "/", true),
            ("/*", "/metrics", true),
            ("/*", "*", false),
        ] {
            assert_eq!(Pattern::parse(pattern).unwrap().matches(path), expect, "{pattern} {path}");
        }
        for bad in ["", "v1", "*", "/v1*", "/*/x", "/v1/**"] {
            assert!(Pattern::parse(bad).is_err(), "{bad}");
        }
    }
}
