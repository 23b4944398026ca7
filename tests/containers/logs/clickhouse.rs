//! `tracer logs --to clickhouse+http://…`: a real ClickHouse that is killed meanwhile.

use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    process::{Child, Stdio},
};

use super::{shipped::assert_no_loss, *};

/// A real ClickHouse with a folder of its own.
struct ClickHouse {
    port: u16,
    scratch: Scratch,
    child: Option<Child>,
}

impl ClickHouse {
    fn start() -> Self {
        let scratch = Scratch::new();
        let listeners = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
        let [port, tcp] = listeners.map(|it| it.local_addr().unwrap().port());
        // Servers before 21.x have no maps: they leave out what is in those.
        let config = format!(
            "<yandex><logger><level>none</level></logger><http_port>{port}</http_port><tcp_port>{tcp}</tcp_port>
            <listen_host>127.0.0.1</listen_host><path>{0}/data/</path><tmp_path>{0}/tmp/</tmp_path>
            <users_config>{0}/users.xml</users_config><default_profile>default</default_profile>
            <default_database>default</default_database><mark_cache_size>5368709</mark_cache_size></yandex>",
            scratch.path("").display()
        );
        let users = "<yandex><profiles><default><input_format_skip_unknown_fields>1</input_format_skip_unknown_fields>
            </default></profiles><users><shipper><password>pass word</password><networks><ip>::/0</ip></networks>
            <profile>default</profile><quota>default</quota></shipper></users><quotas><default/></quotas></yandex>";
        fs::write(scratch.path("config.xml"), config).unwrap();
        fs::write(scratch.path("users.xml"), users).unwrap();
        let mut this = Self { port, scratch, child: None };
        this.start_again();
        this
    }

    fn start_again(&mut self) {
        let mut command = Command::new("clickhouse-server");
        command.arg(format!("--config-file={}", self.scratch.path("config.xml").display()));
        command.current_dir(self.scratch.path("")).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        self.child = Some(command.spawn().expect("clickhouse-server can be run"));
        wait::until("ClickHouse to answer", || TcpStream::connect(("127.0.0.1", self.port)).ok());
    }

    /// Kills it, without a chance to write what it has.
    fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// What it answers to a query.
    fn ask(&self, query: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        let head = format!(
            "POST /?user=shipper&password=pass%20word HTTP/1.0\r\ncontent-length: {}\r\n\r\n{query}",
            query.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(" 200 "), "{query}: {answer}");
        body.to_owned()
    }
}

impl Drop for ClickHouse {
    fn drop(&mut self) {
        self.kill();
    }
}

#[test]
fn clickhouse_gets_every_line_although_it_is_killed() {
    if !level::engine_or_skip() || !level::program_or_skip("clickhouse-server") {
        return;
    }
    let docker = Docker::default();
    let mut server = ClickHouse::start();
    let script = script(LINES, "0.1") + r"; printf 'bad \001 \047 \134 \011 end\n'; echo last; sleep 1000";
    let container = write(&docker, "real-clickhouse", &["--network=none"], &script);
    let url = format!("clickhouse+http://shipper:pass%20word@127.0.0.1:{}?table=default.lines", server.port);
    let mut running = Running::start(&mut tracer(["logs", "-f", "--to", &url, &container.name]));
    // There is no table yet, and lines wait for it.
    while !running.error_line().contains("it answers with status 404: Code: 60") {}
    let columns = "Timestamp String, SeverityText String, SeverityNumber UInt8, ServiceName String, Body String";
    let _ = server.ask(&format!("CREATE TABLE lines ({columns}) ENGINE = MergeTree ORDER BY Timestamp"));
    let count = |server: &ClickHouse| server.ask("SELECT count() FROM lines").trim().parse::<usize>().unwrap();
    wait::until("the first lines", || (count(&server) > 200).then_some(()));
    server.kill();
    while !running.error_line().contains("cannot send logs to clickhouse+http://shipper:***@") {}
    server.start_again();
    let rows = |query: &str| -> Vec<Value> {
        let text = server.ask(&format!("SELECT * FROM lines {query} ORDER BY Timestamp FORMAT JSONEachRow"));
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    wait::until("the last line", || (!rows("WHERE Body = 'last'").is_empty()).then_some(()));
    running.interrupt();
    let ended = running.end();
    assert_eq!(ended.status.code(), Some(0), "{}", ended.errors);
    assert!(ended.errors.contains(&format!("sent {} lines to ", 2 * LINES + 2)), "{}", ended.errors);
    for word in ["out", "err"] {
        let rows = rows(&format!("WHERE Body LIKE '{word} %'"));
        let numbers: Vec<usize> = rows
            .iter()
            .map(|row| {
                assert_eq!(row["ServiceName"], *container.name);
                let body = row["Body"].as_str().unwrap();
                assert!(body.ends_with(FILL), "{body}");
                body.split(' ').nth(1).unwrap().parse().unwrap()
            })
            .collect();
        assert_no_loss(&numbers, LINES);
    }
    assert_eq!(rows("WHERE Body LIKE 'bad%'")[0]["Body"], "bad \u{1} ' \\ \t end");
    // A wrong password waits to be mended, and is not shown.
    let wrong = url.replace("pass%20word", "s3cret");
    let refused = output(["logs", "-n", "1", "--to", &wrong, &container.name]);
    assert_eq!(refused.status.code(), Some(1), "{}", refused.errors);
    assert!(refused.errors.contains("1 not sent when the run ended"), "{}", refused.errors);
    assert!(!refused.errors.contains("s3cret"), "{}", refused.errors);
}
