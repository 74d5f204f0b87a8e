use super::*;

/// What is said about rules, or nothing.
fn said(rules: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("empty.json"), r#"{"keys": [{"kty": "oct", "k": "c2VjcmV0", "alg": "HS256"}]}"#)
        .unwrap();
    let file = folder.path().join("access.toml");
    std::fs::write(&file, rules).unwrap();
    let said = Access::read(&file).map_or_else(|err| err.to_string(), |_| String::new());
    said.replace(&format!("{}/", folder.path().display()), "")
}

const SHA256: &str = "145648f65ea2ae5a9611c034d1243fdfa2079d36d24ebfeda03c44efbc608013";

#[test]
fn everything_that_is_wrong_with_rules_is_said_with_its_line() {
    let key = format!("[[access.key]]\nprincipal = \"app\"\nsha256 = \"{SHA256}\"\n");
    for (rules, expect) in [
        (key.clone(), ""),
        (
            format!("[access]\npublik = []\n{key}expire = \"2027\"\n"),
            "access.toml:2: there is no key `publik` here\n    hint: the keys are `public`, `key`, `jwt`, `allow`, `read`, `sql`, `limits`, `origins`, `audit`\n\
             access.toml:6: there is no key `expire` here\n    hint: the keys are `principal`, `sha256`, `scram`, `expires`, `claims`",
        ),
        (
            "[access]\n".into(),
            "access.toml:1: nobody may call: there is neither a key nor `jwt`\n    \
             hint: `wasmill access new-key --principal NAME` makes a key",
        ),
        (
            "[[access.key]]\nprincipal = \"app\"\nsha256 = \"password\"\nexpires = \"2027\"\n".into(),
            "access.toml:3: this is not a SHA-256 in hexadecimal\n    \
             hint: `wasmill access new-key --principal NAME` makes a key and prints its hash\n\
             access.toml:4: `2027` is not a time\n    hint: write it as `2027-01-01T00:00:00Z`",
        ),
        (format!("{key}{key}"), "access.toml:6: this key is here twice"),
        (
            format!("[[access.key]]\nprincipal = \"my app\"\nsha256 = \"{SHA256}\"\n"),
            "access.toml:2: `my app` is not a principal: visible ASCII, no spaces, at most 255",
        ),
        (
            format!("[access]\npublic = [\"v2\"]\n{key}[access.allow]\nap = [\"/v1/*/x\"]\n"),
            "access.toml:2: `v2` is not a path\n    hint: it starts with `/`, and `*` is only its end, as in `/v2/*`\n\
             access.toml:7: principal `ap` has no key\n\
             access.toml:7: `/v1/*/x` is not a path\n    \
             hint: it starts with `/`, and `*` is only its end, as in `/v2/*`",
        ),
        (
            "[access.jwt]\nissuer = \"i\"\naudience = \"a\"\njwks = \"none.json\"\n".into(),
            "access.toml:4: key set `none.json`: No such file or directory (os error 2)",
        ),
        (
            "[access.jwt]\nissuer = \"i\"\naudience = \"a\"\njwks = \"empty.json\"\n".into(),
            "access.toml:4: key set `empty.json`: it has no public key for RS256, ES256 or EdDSA",
        ),
        (
            "[access.jwt]\nissuer = \"i\"\naudience = \"a\"\njwks = \"access.toml\"\n".into(),
            "access.toml:4: key set `access.toml`: it is no JSON Web Key Set: expected value at line 1 column 2",
        ),
    ] {
        assert_eq!(said(&rules), expect, "{rules}");
    }
}

#[test]
fn a_principal_may_what_the_rules_say() {
    let rules = |allow: &str| {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("access.toml");
        let rules = format!("[[access.key]]\nprincipal = \"app\"\nsha256 = \"{SHA256}\"\n{allow}");
        std::fs::write(&file, rules).unwrap();
        Access::read(&file).unwrap()
    };
    let (app, other) = ("app".parse().unwrap(), "other".parse().unwrap());
    for (allow, principal, path, expect) in [
        ("", &app, "/anything", true),
        ("[access.allow]\napp = [\"/v1/score\"]", &app, "/v1/score", true),
        ("[access.allow]\napp = [\"/v1/score\"]", &app, "/metrics", false),
        ("[access.allow]\napp = [\"/v1/score\"]", &app, "/v2/health/live", true),
        ("[access.allow]\napp = [\"/v1/score\"]", &other, "/v1/score", false),
        ("[access.allow]\napp = [\"/v1/score\"]\n\"*\" = [\"/v2/*\"]", &other, "/v2/models/x", true),
        ("[access.allow]\napp = [\"/v1/score\"]\n\"*\" = [\"/v2/*\"]", &app, "/v2/models/x", false),
        ("[access.allow]", &app, "/v1/score", false),
    ] {
        assert_eq!(rules(allow).may(principal, path), expect, "{allow} {principal} {path}");
    }
}
