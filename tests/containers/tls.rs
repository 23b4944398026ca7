//! Docker over TLS, as `DOCKER_HOST`, `DOCKER_TLS_VERIFY` and `DOCKER_CERT_PATH` say it to docker: with a real engine, and
//! certificates that are made here.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use tracer_tests::{
    docker::{OwnEngine, unique},
    level,
    scratch::Scratch,
};

/// The engine has a network of its own, so the port is free.
const ADDRESS: &str = "tcp://127.0.0.1:2376";

fn openssl(folder: &Path, arguments: &str) {
    let output = Command::new("openssl").args(arguments.split(' ')).current_dir(folder).output().expect("openssl");
    assert!(output.status.success(), "openssl {arguments}: {}", String::from_utf8_lossy(&output.stderr));
}

/// An authority.
fn authority(scratch: &Scratch, name: &str) -> PathBuf {
    let folder = scratch.path(name);
    fs::create_dir(&folder).expect("a folder");
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    openssl(&folder, &format!("req -x509 {key} -keyout ca-key.pem -out ca.pem -subj /CN={name} -days 2"));
    folder
}

/// `ca.pem`, `cert.pem` and `key.pem` of someone whom the authority vouches for, in a folder of their own.
fn certificate(authority: &Path, name: &str, extension: &str) -> PathBuf {
    let folder = authority.join(name);
    fs::create_dir(&folder).expect("a folder");
    fs::copy(authority.join("ca.pem"), folder.join("ca.pem")).expect("a certificate");
    fs::write(folder.join("extension"), extension).expect("a file");
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    openssl(&folder, &format!("req -new {key} -keyout key.pem -out request -subj /CN={name}"));
    let by = "-CA ../ca.pem -CAkey ../ca-key.pem -CAcreateserial";
    openssl(&folder, &format!("x509 -req -in request {by} -out cert.pem -days 2 -extfile extension"));
    folder
}

#[test]
fn an_engine_is_asked_over_tls_as_docker_asks_it() {
    if !(level::engine_or_skip() && level::program_or_skip("openssl") && level::program_or_skip("nsenter")) {
        return;
    }
    let scratch = Scratch::new();
    let own = authority(&scratch, "own");
    let server = certificate(&own, "server", "subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth\n");
    let client = certificate(&own, "client", "extendedKeyUsage=clientAuth\n");
    let stranger = certificate(&authority(&scratch, "other"), "stranger", "extendedKeyUsage=clientAuth\n");
    let file = |name: &str| server.join(name).display().to_string();
    let options = [
        format!("--host={ADDRESS}"),
        "--tlsverify".to_owned(),
        format!("--tlscacert={}", file("ca.pem")),
        format!("--tlscert={}", file("cert.pem")),
        format!("--tlskey={}", file("key.pem")),
    ];
    let engine = OwnEngine::start_with(&options);
    let name = unique("t");
    let container = engine.docker.run(&name, &["--network=none"], &["sleep", "1000"]);
    let run = |arguments: &[&str], folder: Option<&Path>| {
        let mut command = engine.in_its_network(&level::tracer());
        command.args(arguments).env("DOCKER_HOST", ADDRESS).env_remove("DOCKER_TLS_VERIFY");
        if let Some(folder) = folder {
            command.env("DOCKER_TLS_VERIFY", "1").env("DOCKER_CERT_PATH", folder);
        }
        let output = command.output().expect("tracer can be run");
        [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned())
    };
    // Docker's own client gets as far with the same variables.
    let docker = |folder: &Path| {
        let mut docker = engine.in_its_network(Path::new("docker"));
        docker.args(["ps", "--quiet", "--no-trunc"]).env("DOCKER_HOST", ADDRESS);
        docker.env("DOCKER_TLS_VERIFY", "1").env("DOCKER_CERT_PATH", folder).env_remove("DOCKER_CONTEXT");
        String::from_utf8_lossy(&docker.output().expect("docker").stdout).trim().to_owned()
    };
    assert_eq!((docker(&client), docker(&stranger)), (container.id.clone(), String::new()));

    let [list, errors] = run(&["-c", "lscontainers"], Some(&client));
    let row = list.lines().find(|line| line.ends_with(container.short_id()));
    assert!(row.is_some_and(|row| row.contains(&name)), "{list}{errors}");
    let doctor = |folder| {
        let [report, errors] = run(&["--doctor"], folder);
        let line = report.lines().find(|line| line.contains(ADDRESS)).map(str::to_owned);
        line.unwrap_or_else(|| panic!("{report}{errors}"))
    };
    let line = doctor(Some(&client));
    assert!(line.starts_with("ok   container engine: docker ") && line.ends_with(" 1 containers"), "{line}");
    let line = doctor(Some(&stranger));
    assert!(line.starts_with("warn") && line.contains("certificate"), "{line}");
    // Without TLS the engine hears nothing that it understands.
    let line = doctor(None);
    assert!(line.starts_with("warn container engine: no answer at"), "{line}");
    let line = doctor(Some(scratch.dir()));
    assert!(line.contains(&format!("cannot read '{}'", scratch.path("ca.pem").display())), "{line}");
    // Who has only the authority believes the engine, which then asks for more.
    let nobody = scratch.path("nobody");
    fs::create_dir(&nobody).expect("a folder");
    fs::copy(own.join("ca.pem"), nobody.join("ca.pem")).expect("a certificate");
    let line = doctor(Some(&nobody));
    assert!(line.starts_with("warn") && line.to_lowercase().contains("certificate"), "{line}");
}
