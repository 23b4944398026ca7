//! A server of tracer under test, and clients that ask it.

use std::{
    io::{Read as _, Write as _},
    net::{Shutdown, TcpStream},
    process::Command,
    time::Duration,
};

use serde_json::Value;

use crate::{command::Running, docker::Docker, wait};

/// A server that listens at an address of its own.
pub struct Served {
    /// The process.
    pub running: Running,
    /// Address and port.
    pub address: String,
}

/// What it answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status, such as 200.
    pub status: u16,
    /// The lines of the head, in lower case up to the colon.
    pub headers: Vec<String>,
    /// The body.
    pub body: String,
}

impl Answer {
    /// The value of a header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// If it is not.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }
}

impl Served {
    /// Starts `tracer serve` with these options in front; it has counted once when this returns.
    ///
    /// # Panics
    /// If it does not listen, or is not well in time.
    #[must_use]
    pub fn start(options: &[&str]) -> Self {
        let words = ["serve", "--listen", "127.0.0.1:0"].iter().chain(options).copied();
        Self::of(&mut crate::command::tracer(words))
    }

    /// The same, asking the engine of the tests.
    ///
    /// # Panics
    /// As [`Served::start`].
    #[must_use]
    pub fn beside_engine(options: &[&str]) -> Self {
        let mut command = crate::command::tracer([&["serve", "--listen", "127.0.0.1:0"], options].concat());
        if let Some(host) = Docker::default().host() {
            command.env("DOCKER_HOST", host);
        }
        Self::of(&mut command)
    }

    /// The same of a command.
    ///
    /// # Panics
    /// As [`Served::start`].
    #[must_use]
    pub fn of(command: &mut Command) -> Self {
        let mut running = Running::start(command);
        let address = loop {
            let line = running.error_line();
            if let Some((_, place)) = line.split_once("listening at http://") {
                break place.trim_end_matches('/').to_owned();
            }
        };
        let served = Self { running, address };
        wait::until("the server is well", || (served.get("/healthz").status == 200).then_some(()));
        served
    }

    /// Asks for a path.
    ///
    /// # Panics
    /// If nothing is answered in time.
    #[must_use]
    pub fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[], "")
    }

    /// Asks with a method, headers and a body.
    ///
    /// # Panics
    /// If nothing is answered in time.
    #[must_use]
    pub fn ask(&self, method: &str, path: &str, headers: &[&str], body: &str) -> Answer {
        let host = format!("Host: {}", self.address);
        let has_host = headers.iter().any(|header| header.starts_with("Host:"));
        let host = (!has_host).then_some(host.as_str());
        let mut request = format!("{method} {path} HTTP/1.1\r\n");
        for header in host.into_iter().chain(headers.iter().copied()) {
            request += &format!("{header}\r\n");
        }
        request += &format!("Connection: close\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        let bytes = self.raw(request.as_bytes());
        parse(&bytes)
    }

    /// Sends these bytes, and reads until the server closes.
    ///
    /// # Panics
    /// If it does not in time.
    #[must_use]
    pub fn raw(&self, request: &[u8]) -> Vec<u8> {
        let mut stream = TcpStream::connect(&self.address).expect("it listens");
        stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a timeout");
        stream.write_all(request).expect("the request is sent");
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).expect("an answer in time");
        let _ = stream.shutdown(Shutdown::Both);
        bytes
    }

    /// The value of a sample of `/metrics`, by its name and some of its labels.
    #[must_use]
    pub fn sample(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        sample(&self.get("/metrics").body, name, labels)
    }
}

/// The sum of the samples of a name with these labels; `None` if there is no such sample.
#[must_use]
pub fn sample(metrics: &str, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
    let fits = |line: &&str| {
        let rest = line.strip_prefix(name).filter(|rest| rest.starts_with(['{', ' ']));
        rest.is_some_and(|rest| {
            labels.iter().all(|(label, value)| {
                let pair = format!("{label}=\"{value}\"");
                rest.contains(&format!("{{{pair}")) || rest.contains(&format!(",{pair}"))
            })
        })
    };
    let values = metrics.lines().filter(fits).map(|line| line.rsplit(' ').next()?.parse::<f64>().ok());
    values.collect::<Option<Vec<f64>>>().filter(|values| !values.is_empty()).map(|values| values.iter().sum())
}

/// An answer with or without chunks.
fn parse(bytes: &[u8]) -> Answer {
    let text = String::from_utf8_lossy(bytes);
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok()).unwrap_or(0);
    let headers = lines
        .map(|line| match line.split_once(':') {
            Some((name, value)) => format!("{}:{value}", name.to_lowercase()),
            None => line.to_owned(),
        })
        .collect();
    Answer { status, headers, body: body.to_owned() }
}
