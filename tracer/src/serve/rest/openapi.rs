//! The description of the API, made of the routes.

use serde_json::{Map, Value, json};

use crate::serve::{
    http::{Answer, Request},
    routes::{ROUTES, Route},
};

pub(in crate::serve) async fn document(_request: Request) -> Answer {
    Answer::json(&json!({
        "openapi": "3.1.0",
        "info": { "title": "tracer", "version": env!("CARGO_PKG_VERSION") },
        "paths": ROUTES.iter().map(path).collect::<Map<String, Value>>(),
    }))
}

fn path(route: &Route) -> (String, Value) {
    let mut get = json!({
        "summary": route.about,
        "responses": {
            "200": { "description": "what was asked for" },
            "default": { "description": "an error: {\"message\": TEXT}" },
        },
    });
    let name = if route.has_rest {
        get["parameters"] = json!([{ "name": "name", "in": "path", "required": true, "schema": { "type": "string" } }]);
        format!("{}{{name}}", route.path)
    } else {
        route.path.to_owned()
    };
    let mut methods = json!({ "get": get });
    if route.takes_body {
        methods["post"] = methods["get"].clone();
    }
    (name, methods)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_is_described() {
        let paths: Map<String, Value> = ROUTES.iter().map(path).collect();
        assert_eq!(paths.len(), ROUTES.len());
        for (path, methods) in &paths {
            assert!(!methods["get"]["summary"].as_str().unwrap().is_empty(), "{path}");
            assert_eq!(path.ends_with("{name}"), methods["get"].get("parameters").is_some(), "{path}");
        }
    }
}
