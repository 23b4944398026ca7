//! Servers in containers, and the clients that load them: redis and nginx, from Debian packages.

use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};

use super::{
    check_interrupt,
    stage::{Stage, WAITING},
};

/// A server in one container and its client in another one, on one bridge.
#[derive(Debug)]
pub(super) struct Service {
    /// As given to `--load`; also the name of its lines in the page.
    pub(super) name: &'static str,
    packages: &'static [&'static str],
    /// Files of the image.
    files: &'static [(&'static str, &'static str)],
    server: &'static [&'static str],
    /// What is run until it succeeds, which says that the server is up and has what it is asked for.
    prepare: &'static [&'static str],
    /// The client: `HOST` is the server's address, `SIZE` how much it does.
    client: &'static [&'static str],
    /// What `SIZE` is: chosen so that a run takes about five seconds.
    size: u32,
    /// The smallest size that makes sense.
    least: u32,
    /// Reads requests per second from what the client printed.
    rate: fn(&str) -> Option<f64>,
}

/// All services, in the order of the page.
pub(super) const SERVICES: &[Service] = &[
    Service {
        name: "redis",
        packages: &["redis-server", "redis-tools"],
        files: &[],
        server: &["/usr/bin/redis-server", "--save", "", "--appendonly", "no", "--protected-mode", "no"],
        prepare: &["/usr/bin/redis-benchmark", "-h", "HOST", "-t", "set", "-n", "1000", "-q"],
        client: &["/usr/bin/redis-benchmark", "-h", "HOST", "-t", "get", "-n", "SIZE", "-c", "50", "-P", "1", "--csv"],
        size: 300_000,
        least: 1000,
        rate: redis_rate,
    },
    Service {
        name: "nginx",
        packages: &["nginx", "wrk"],
        files: &[("bench.conf", NGINX), ("srv/small.txt", SMALL_FILE)],
        server: &["/usr/sbin/nginx", "-c", "/bench.conf"],
        prepare: &["/bin/busybox", "wget", "-q", "-O", "/dev/null", "http://HOST/small.txt"],
        client: &["/usr/bin/wrk", "-t", "1", "-c", "50", "-d", "SIZEs", "http://HOST:80/small.txt"],
        size: 5,
        least: 1,
        rate: wrk_rate,
    },
];

const NGINX: &str = "daemon off;
user root;
worker_processes 1;
error_log stderr;
pid /tmp/nginx.pid;
events {
    worker_connections 256;
}
http {
    access_log off;
    sendfile on;
    keepalive_requests 1000000;
    client_body_temp_path /tmp/body;
    proxy_temp_path /tmp/proxy;
    fastcgi_temp_path /tmp/fastcgi;
    uwsgi_temp_path /tmp/uwsgi;
    scgi_temp_path /tmp/scgi;
    server {
        listen 80;
        root /srv;
    }
}
";
const SMALL_FILE: &str = "A small file, as a server sends many: an icon, a style, a few lines of text.\n";

/// How long a server may take until it answers.
const UP_TIMEOUT: Duration = Duration::from_secs(20);

/// A service whose containers run.
pub(super) struct Up<'a> {
    stage: &'a Stage,
    service: &'static Service,
    client: String,
    address: String,
}

impl Service {
    /// The client's command line at that size.
    pub(super) fn words(&self, address: &str, shrink: u32) -> Vec<String> {
        let size = (self.size / shrink).max(self.least).to_string();
        self.client.iter().map(|word| word.replace("HOST", address).replace("SIZE", &size)).collect()
    }

    /// Starts both containers, and waits until the server answers.
    pub(super) fn start<'a>(&'static self, stage: &'a mut Stage) -> Result<Up<'a>> {
        let image = stage.packaged(self.name, self.packages, self.files)?;
        let client = format!("{}-client", self.name);
        let address = stage.start(self.name, &image, self.server)?;
        stage.start(&client, &image, WAITING)?;
        let up = Up { stage, service: self, client, address };
        up.wait()?;
        Ok(up)
    }
}

impl Up<'_> {
    /// Lets the client do its work, and returns requests per second.
    pub(super) fn load(&self, shrink: u32) -> Result<f64> {
        let words = self.service.words(&self.address, shrink);
        let printed = self.stage.exec(&self.client, &words)?;
        let rate = (self.service.rate)(&printed).filter(|rate| *rate > 0.0);
        rate.with_context(|| format!("`{}` does not say how fast it was: {}", words.join(" "), printed.trim()))
    }

    fn wait(&self) -> Result<()> {
        let deadline = Instant::now() + UP_TIMEOUT;
        let words: Vec<_> = self.service.prepare.iter().map(|word| word.replace("HOST", &self.address)).collect();
        while let Err(error) = self.stage.exec(&self.client, &words) {
            check_interrupt()?;
            if Instant::now() > deadline {
                let name = self.service.name;
                bail!("{name} does not answer at {}: {error:#}\nit said: {}", self.address, self.stage.logs(name));
            }
            thread::sleep(Duration::from_millis(200));
        }
        Ok(())
    }
}

/// The second column of the line of `"GET"`.
fn redis_rate(printed: &str) -> Option<f64> {
    let line = printed.lines().find_map(|line| line.trim().strip_prefix("\"GET\",\""))?;
    line.split('"').next()?.parse().ok()
}

/// `Requests/sec:  1234.56`; none if some requests failed.
fn wrk_rate(printed: &str) -> Option<f64> {
    let failed = printed.contains("Socket errors") || printed.contains("Non-2xx");
    let line = printed.lines().find_map(|line| line.trim().strip_prefix("Requests/sec:"))?;
    line.trim().parse().ok().filter(|_| !failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_read_from_what_clients_print() {
        let redis = "\"test\",\"rps\",\"avg_latency_ms\"\n\"GET\",\"61349.69\",\"0.421\"\n";
        assert_eq!(redis_rate(redis), Some(61349.69));
        assert_eq!(redis_rate("Could not connect"), None);
        let wrk = "  52300 requests in 1.00s, 16.21MB read\nRequests/sec:  52287.40\nTransfer/sec:     16.20MB\n";
        assert_eq!(wrk_rate(wrk), Some(52287.4));
        assert_eq!(wrk_rate(&format!("{wrk}  Non-2xx or 3xx responses: 3\n")), None);
    }

    #[test]
    fn a_smaller_load_is_never_nothing() {
        for service in SERVICES {
            let words = service.words("10.0.0.2", u32::MAX).join(" ");
            assert!(words.contains("10.0.0.2") && !words.contains("SIZE"), "{words}");
        }
        assert!(SERVICES[1].words("h", 100).contains(&"1s".to_owned()));
    }
}
