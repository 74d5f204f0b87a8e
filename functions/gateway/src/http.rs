//! Requests, responses, and what is wrong with a request.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;
use serde_json::json;
use wasmill_sdk::Failure;

/// JSON.
pub const JSON: &str = "application/json";

/// A request, read to its end.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// `GET`, `POST` and so on.
    pub method: String,
    /// The path, without the query.
    pub path: String,
    /// The query, without the question mark.
    pub query: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// All of it.
    pub body: Vec<u8>,
}

impl Request {
    /// The first value of a parameter of the query.
    pub fn parameter(&self, name: &str) -> Option<Cow<'_, str>> {
        form_urlencoded::parse(self.query.as_bytes()).find(|(key, _)| key == name).map(|(_, value)| value)
    }

    /// The first value of a header; its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.as_str())
    }
}

/// A part of a path with its `%20` and the like resolved.
pub fn decode(part: &str) -> Cow<'_, str> {
    percent_decode_str(part).decode_utf8_lossy()
}

/// A response.
#[derive(Debug, Clone, PartialEq)]
pub struct Response {
    /// The status.
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(&'static str, String)>,
    /// All of it.
    pub body: Vec<u8>,
}

impl Response {
    /// 200 with a body of this type.
    pub fn ok(content_type: &str, body: Vec<u8>) -> Self {
        Self { status: 200, headers: vec![("content-type", content_type.to_owned())], body }
    }

    /// 200 with JSON.
    pub fn json(value: &serde_json::Value) -> Self {
        Self::ok(JSON, value.to_string().into_bytes())
    }
}

/// Why a request is not answered as asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Problem {
    /// The status.
    pub status: u16,
    /// What is wrong and what to change.
    pub message: String,
    /// Headers that belong to the status.
    pub headers: Vec<(&'static str, String)>,
}

impl Problem {
    /// A problem of this status.
    pub fn new(status: u16, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), headers: Vec::new() }
    }

    /// 400: the request is not what it should be.
    pub fn bad(message: impl Into<String>) -> Self {
        Self::new(400, message)
    }

    /// The same with a header.
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Reject(message) => Self::new(422, message),
            Failure::Retry(message) => Self::new(503, message).with("retry-after", "1"),
            Failure::Other(message) => Self::new(500, message),
        }
    }
}

impl From<Problem> for Response {
    fn from(problem: Problem) -> Self {
        let Problem { status, message, mut headers } = problem;
        headers.push(("content-type", JSON.to_owned()));
        Self { status, headers, body: json!({ "error": message }).to_string().into_bytes() }
    }
}
