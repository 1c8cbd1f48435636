//! The protocol, pure: a request to a call, an outcome to an answer.

use nanoserde::SerJson;

use crate::http::server::{self, Answer, Refusal};

/// What the engine asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    /// `/Plugin.Activate`: which protocols the plugin speaks. Engines do not ask a managed plugin, but
    /// the plugin protocol has it.
    Activate,
    /// `/MetricsCollector.StartMetrics`: the metrics socket can be scraped.
    StartMetrics,
    /// `/MetricsCollector.StopMetrics`: it no longer can.
    StopMetrics,
}

/// Sent for `Call::Activate`.
#[derive(SerJson)]
struct Activated {
    #[nserde(rename = "Implements")]
    implements: Vec<String>,
}

/// Sent for everything else.
#[derive(SerJson)]
struct Outcome {
    #[nserde(rename = "Err")]
    error: String,
}

/// The media type of plugin protocol 1.2, which is what engines accept.
const CONTENT_TYPE: &str = "application/vnd.docker.plugins.v1.2+json";

pub(super) fn route(request: &server::Call) -> Result<Call, Refusal> {
    let call = match request.path.as_str() {
        "/Plugin.Activate" => Call::Activate,
        "/MetricsCollector.StartMetrics" => Call::StartMetrics,
        "/MetricsCollector.StopMetrics" => Call::StopMetrics,
        path => return Err(Refusal { status: 404, reason: format!("{path} is not part of the protocol") }),
    };
    match request.method.as_str() {
        "POST" => Ok(call),
        method => Err(Refusal { status: 405, reason: format!("method {method} is not served, only POST") }),
    }
}

pub(super) fn activated() -> Answer {
    json(200, &Activated { implements: vec!["MetricsCollector".to_owned()] })
}

pub(super) fn done() -> Answer {
    json(200, &Outcome { error: String::new() })
}

/// Engines since 28 look for a failure in the status, earlier ones in the body: it is in both.
pub(super) fn failed(status: u16, message: &str) -> Answer {
    json(status, &Outcome { error: message.to_owned() })
}

fn json(status: u16, body: &impl SerJson) -> Answer {
    Answer { status, content_type: CONTENT_TYPE, body: body.serialize_json() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_are_as_the_document_has_them() {
        assert_eq!(done().body, r#"{"Err":""}"#);
        assert_eq!(activated().body, r#"{"Implements":["MetricsCollector"]}"#);
        assert_eq!(failed(500, "a \"b\"\n\u{1}").status, 500);
        let body: serde_json::Value = serde_json::from_str(&failed(500, "a \"b\"\n\u{1}é").body).unwrap();
        assert_eq!(body["Err"], "a \"b\"\n\u{1}é");
    }

    #[test]
    fn only_the_documents_paths_and_only_post() {
        let routed = |method: &str, path: &str| {
            route(&server::Call { method: method.to_owned(), path: path.to_owned() })
                .map_err(|refusal| refusal.status)
        };
        assert_eq!(routed("POST", "/MetricsCollector.StartMetrics"), Ok(Call::StartMetrics));
        assert_eq!(routed("POST", "/MetricsCollector.StopMetrics"), Ok(Call::StopMetrics));
        assert_eq!(routed("POST", "/Plugin.Activate"), Ok(Call::Activate));
        assert_eq!(routed("GET", "/MetricsCollector.StartMetrics"), Err(405));
        assert_eq!(routed("POST", "/metricscollector.startmetrics"), Err(404));
        assert_eq!(routed("POST", "/"), Err(404));
    }
}
