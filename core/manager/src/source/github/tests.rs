//! Releases on a stand-in server.

use std::collections::HashMap;
use std::time::Duration;

use expect_test::{Expect, expect};
use tempfile::TempDir;
use time::OffsetDateTime;

use super::super::http::{Client, Content, Download, FetchError, Options};
use super::super::release_server::{self, Limit, ReleaseServer};
use super::cache::now;
use super::*;
use crate::digest::{hex, sha256};

const REPO: &str = "acme/registry";

fn client() -> Client {
    let options = Options {
        pauses: vec![Duration::from_millis(1); 2],
        is_interrupted: || false,
        ..Options::new("pintle", "1.2.3")
    };
    Client::new(options, &|_| None).expect("the client is set up")
}

fn release(tag: &str, is_prerelease: bool) -> release_server::Release {
    let bytes = tag.as_bytes().to_vec();
    let digest = format!("sha256:{}", hex(&sha256(&bytes)));
    let asset = |name: &str, digest| release_server::Asset {
        name: name.into(),
        bytes: bytes.clone(),
        digest,
    };
    release_server::Release {
        tag: tag.into(),
        is_prerelease,
        is_immutable: true,
        assets: vec![asset("a.so", Some(digest)), asset("old.so", None)],
        ..Default::default()
    }
}

fn server() -> ReleaseServer {
    let server = ReleaseServer::start();
    server.release(REPO, release("v1.0.0", false));
    server.release(REPO, release("v1.2.0", false));
    server.release(REPO, release("1.1.0", false));
    server.release(REPO, release("v2.0.0-rc.1", true));
    server.release("acme/early", release("v0.1.0-alpha", true));
    server
}

fn tokens(variables: &[(&str, &str)]) -> Tokens {
    let variables: HashMap<_, _> = variables.iter().copied().collect();
    Tokens::read(&|name| variables.get(name).map(|it| (*it).to_owned()))
}

fn anonymous<'c>(client: &'c Client, server: &ReleaseServer) -> GitHub<'c> {
    GitHub::new(client, &server.url(), Tokens::default()).expect("the address is valid")
}

fn authorized<'c>(client: &'c Client, server: &ReleaseServer) -> GitHub<'c> {
    let tokens = tokens(&[("GH_ENTERPRISE_TOKEN", "good"), ("GH_TOKEN", "public")]);
    GitHub::new(client, &server.url(), tokens).expect("the address is valid")
}

#[track_caller]
fn check(outcome: Result<Release, GitHubError>, expected: Expect) {
    let text = match outcome {
        Ok(it) => it.tag,
        Err(err) => {
            let text = pintle_host::causes::with_causes(&err);
            format!("{text}\nhint: {}", err.hint().unwrap_or_default())
        }
    };
    expected.assert_eq(&text);
}

#[test]
fn a_release_is_read() {
    let (client, server) = (client(), server());
    let release = anonymous(&client, &server).tag(REPO, "v1.0.0").expect("it exists");
    assert_eq!(release.version, "1.0.0".parse().ok());
    assert_eq!(release.published.map(OffsetDateTime::unix_timestamp), Some(1_767_323_045));
    assert!(release.is_immutable && !release.is_prerelease);
    let [asset, old] = &release.assets[..] else { panic!("there are two files") };
    assert_eq!((&*asset.name, asset.size), ("a.so", 6));
    assert_eq!(asset.sha256, Some(sha256(b"v1.0.0")));
    assert_eq!(old.sha256, None);
    let request = &server.requests()[0];
    assert_eq!(request.path, "/repos/acme/registry/releases/tags/v1.0.0");
    assert_eq!(request.header("accept"), Some("application/vnd.github+json"));
    assert_eq!(request.header("x-github-api-version"), Some("2022-11-28"));
    assert_eq!(request.header("authorization"), None);
}

#[test]
fn the_release_that_is_meant_is_found() {
    let (client, server) = (client(), server());
    let github = anonymous(&client, &server);
    check(github.latest(REPO), expect!["1.1.0"]);
    check(github.tag(REPO, "1.2.0"), expect!["v1.2.0"]);
    check(github.tag(REPO, "v1.1.0"), expect!["1.1.0"]);
    check(github.newest(REPO, false), expect!["v1.2.0"]);
    check(github.newest(REPO, true), expect!["v2.0.0-rc.1"]);
    check(github.newest("acme/early", true), expect!["v0.1.0-alpha"]);
    check(
        github.newest("acme/early", false),
        expect![[r#"
        the repository `acme/early` has no release other than pre-releases
        hint: specify a version, for example `owner/repo@v1.0.0-rc.1`"#]],
    );
    check(
        github.tag(REPO, "v9"),
        expect![[r#"
        the repository `acme/registry` at `127.0.0.1` does not exist, has no release `v9`, or is not visible to requests without a token
        hint: check the spelling; for a private repository set GH_ENTERPRISE_TOKEN to a token that can read it"#]],
    );
    check(
        github.latest("acme/absent"),
        expect![[r#"
        the repository `acme/absent` at `127.0.0.1` does not exist, has no release, or is not visible to requests without a token
        hint: check the spelling; for a private repository set GH_ENTERPRISE_TOKEN to a token that can read it"#]],
    );
    check(
        authorized(&client, &server).latest("acme/absent"),
        expect![[r#"
        the repository `acme/absent` at `127.0.0.1` does not exist, has no release, or is not visible to the token
        hint: check the spelling, and that the token can read the repository"#]],
    );
}

#[test]
fn all_pages_are_read() {
    let (client, server) = (client(), ReleaseServer::start());
    for patch in 0..250 {
        server.release(REPO, release(&format!("v1.0.{patch}"), false));
    }
    let releases = anonymous(&client, &server).list(REPO).expect("it exists");
    assert_eq!(releases.len(), 250);
    assert_eq!(server.requests().len(), 3);
}

#[test]
fn a_file_is_downloaded_by_the_api_and_the_token_stays_there() {
    let (client, server) = (client(), server());
    let github = authorized(&client, &server);
    let release = github.tag(REPO, "v1.0.0").expect("it exists");
    server.forget_requests();
    let mut progress = |_, _| {};
    let mut download =
        Download { partial: None, limit: 1000, expected_len: None, progress: &mut progress };
    let done = github.download(&release.assets[0], &mut download).expect("it is downloaded");
    assert!(matches!(done.content, Content::Memory(it) if it == b"v1.0.0"));
    assert_eq!(Some(done.sha256), release.assets[0].sha256);
    let requests = server.requests();
    let seen: Vec<_> = requests
        .iter()
        .map(|it| (it.is_at_files, it.header("accept"), it.header("authorization")))
        .collect();
    let octets = Some("application/octet-stream");
    assert_eq!(seen, [(false, octets, Some("Bearer good")), (true, octets, None)]);
}

#[test]
fn a_file_elsewhere_gets_no_token() {
    let (client, server) = (client(), server());
    let github = authorized(&client, &server);
    let mut asset = github.tag(REPO, "v1.0.0").expect("it exists").assets.remove(0);
    asset.url = server.file_url(REPO, "v1.0.0", "a.so").parse().expect("it is a URL");
    server.forget_requests();
    let mut progress = |_, _| {};
    let mut download =
        Download { partial: None, limit: 1000, expected_len: None, progress: &mut progress };
    github.download(&asset, &mut download).expect("it is downloaded");
    assert!(server.requests().iter().all(|it| it.header("authorization").is_none()));
}

#[test]
fn a_file_that_is_not_the_uploaded_one_is_refused() {
    let (client, server, dir) = (client(), server(), dir());
    let github = anonymous(&client, &server);
    let mut asset = github.tag(REPO, "v1.0.0").expect("it exists").assets.remove(0);
    asset.sha256 = Some([0; 32]);
    let path = dir.path().join("part");
    let mut progress = |_, _| {};
    let mut download = Download {
        partial: Some(path.clone()),
        limit: 1000,
        expected_len: None,
        progress: &mut progress,
    };
    let err = github.download(&asset, &mut download).expect_err("it has another digest");
    assert!(matches!(err, GitHubError::Digest { .. }), "{err:?}");
    assert!(!path.exists(), "it is not kept");
    asset.size = 7;
    let err = github.download(&asset, &mut download).expect_err("it has another size");
    let is_length = matches!(err, GitHubError::Fetch(FetchError::WrongLength { .. }));
    assert!(is_length, "{err:?}");
}

#[test]
fn a_token_goes_to_the_servers_it_is_for() {
    let all = tokens(&[
        ("GH_TOKEN", "one"),
        ("GITHUB_TOKEN", "two"),
        ("GITHUB_ENTERPRISE_TOKEN", "three"),
    ]);
    let sent = |api: &str| {
        let token = all.clone().for_api(&api.parse().expect("it is a URL"))?;
        Some(token.variable)
    };
    assert_eq!(sent("https://api.github.com/"), Some("GH_TOKEN"));
    assert_eq!(sent("https://api.acme.ghe.com/"), Some("GH_TOKEN"));
    assert_eq!(sent("https://github.acme.com/api/v3/"), Some("GITHUB_ENTERPRISE_TOKEN"));
    assert_eq!(sent("https://api.github.com.evil.com/"), Some("GITHUB_ENTERPRISE_TOKEN"));
    assert_eq!(sent("http://github.acme.com/api/v3/"), None);
    assert_eq!(sent("http://127.0.0.1:80/"), Some("GITHUB_ENTERPRISE_TOKEN"));
    assert!(!format!("{all:?}").contains("one"));
}

#[test]
fn the_api_is_found_in_the_environment() {
    let found = |option: Option<&str>, variables: &[(&str, &str)]| {
        let variables: HashMap<_, _> = variables.iter().copied().collect();
        api_address(option, "PINTLE", &|name| variables.get(name).map(|it| (*it).to_owned()))
    };
    assert_eq!(found(None, &[]), "https://api.github.com/");
    assert_eq!(found(None, &[("GH_HOST", "github.com")]), "https://api.github.com/");
    assert_eq!(found(None, &[("GH_HOST", "git.acme.com")]), "https://git.acme.com/api/v3/");
    assert_eq!(found(None, &[("GH_HOST", "acme.ghe.com")]), "https://api.acme.ghe.com/");
    let own = ("PINTLE_GITHUB_API", "http://mirror/");
    assert_eq!(found(None, &[own, ("GH_HOST", "git.acme.com")]), "http://mirror/");
    assert_eq!(found(Some("http://option/"), &[own]), "http://option/");
}

#[test]
fn an_address_that_is_not_valid_is_refused_without_its_password() {
    let client = client();
    let err = GitHub::new(&client, "https://ada:secret@host/", Tokens::default());
    let err = err.expect_err("it has a password");
    assert_eq!(err.to_string(), "invalid address of the GitHub API `https://host/`");
    GitHub::new(&client, "github.com", Tokens::default()).expect_err("it is not a URL");
}

#[test]
fn an_anonymous_answer_serves_for_a_while() {
    let (client, server, dir) = (client(), server(), dir());
    let cached = |age| anonymous(&client, &server).cached_in(dir.path().join("api"), age);
    let long = Duration::from_secs(300);
    let first = cached(long).latest(REPO).expect("it exists");
    assert_eq!(cached(long).latest(REPO).expect("it exists"), first);
    assert_eq!(server.requests().len(), 1);
    // An older answer is requested again, and the server reports that it is current.
    assert_eq!(cached(Duration::ZERO).latest(REPO).expect("it exists"), first);
    assert!(server.requests()[1].header("if-none-match").is_some());
    server.release(REPO, release("v3.0.0", false));
    check(cached(long).latest(REPO), expect!["1.1.0"]);
    check(cached(Duration::ZERO).latest(REPO), expect!["v3.0.0"]);
    assert_eq!(server.requests().len(), 3);
}

#[test]
fn an_authorized_answer_is_always_checked_and_kept_apart() {
    let (client, server, dir) = (client(), server(), dir());
    server.hide(REPO);
    let long = Duration::from_secs(300);
    let github = authorized(&client, &server).cached_in(dir.path(), long);
    github.latest(REPO).expect("the token can see it");
    github.latest(REPO).expect("the token can see it");
    assert_eq!(server.requests().len(), 2);
    assert!(server.requests()[1].header("if-none-match").is_some());
    let github = anonymous(&client, &server).cached_in(dir.path(), long);
    github.latest(REPO).expect_err("it is private");
}

#[test]
fn a_broken_cache_costs_a_request() {
    let (client, server, dir) = (client(), server(), dir());
    let github = anonymous(&client, &server).cached_in(dir.path(), Duration::from_secs(300));
    github.latest(REPO).expect("it exists");
    for entry in std::fs::read_dir(dir.path()).expect("the directory is ours") {
        std::fs::write(entry.expect("it is ours").path(), "{").expect("the directory is ours");
    }
    check(github.latest(REPO), expect!["1.1.0"]);
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn limits_say_when_they_end() {
    let (client, server) = (client(), server());
    let github = anonymous(&client, &server);
    server.limit(Some(Limit::Primary(now() + 600)));
    let err = github.latest(REPO).expect_err("the limit is reached");
    let GitHubError::RateLimited { until: Some(until), is_authorized: false, .. } = err else {
        panic!("it is a limit: {err:?}")
    };
    assert!(until.unix_timestamp().abs_diff(now().cast_signed() + 600) < 5);
    server.limit(Some(Limit::Primary(0)));
    let text = |outcome: Result<Release, GitHubError>| {
        let err = outcome.expect_err("the limit is reached");
        let text = format!("{err}\nhint: {}", err.hint().unwrap_or_default());
        // The time differs.
        text.split(", at ").next().unwrap_or_default().to_owned()
    };
    expect![[r#"
        `127.0.0.1` has reached the limit of 60 requests per hour without a token
        hint: set GH_ENTERPRISE_TOKEN to a token, which raises the limit from 60 to 5,000 requests per hour"#]]
        .assert_eq(&text(github.latest(REPO)));
    expect!["set GH_ENTERPRISE_TOKEN to a token, which raises the limit from 60 to 5,000 requests per hour"].assert_eq(&limited_hint(&github));
    server.limit(Some(Limit::Secondary(600)));
    expect!["`127.0.0.1` has reached the limit of requests in a short time; it ends in 10m"]
        .assert_eq(&text(github.latest(REPO)));
    server.limit(Some(Limit::Forbidden));
    expect![[r#"
        permission denied: `API/repos/acme/registry/releases/latest` (HTTP status 403): Resource protected by SAML
        hint: check that your account or token has access"#]].assert_eq(&text(github.latest(REPO)).replace(&server.url(), "API/"));
}

fn limited_hint(github: &GitHub<'_>) -> String {
    github.latest(REPO).expect_err("the limit is reached").hint().unwrap_or_default()
}

#[test]
fn a_bad_token_is_named_by_its_variable() {
    let (client, server) = (client(), server());
    server.require_token("better");
    check(
        authorized(&client, &server).latest(REPO),
        expect![[r#"
        `127.0.0.1` rejected the token in the environment variable `GH_ENTERPRISE_TOKEN`
        hint: renew the token in GH_ENTERPRISE_TOKEN, or unset the variable"#]],
    );
}

fn dir() -> TempDir {
    tempfile::tempdir().expect("there is a temporary directory")
}
