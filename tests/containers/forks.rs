//! What a process in a container inherits: there the parent does not learn the id that its child has on the host.

use tracer_tests::{
    docker::{Docker, unique},
    level,
    session::Session,
};

#[test]
fn both_ends_of_a_pipeline_know_their_pipe() {
    if !level::engine_or_skip() {
        return;
    }
    const PIPELINES: usize = 100;
    let docker = Docker::default();
    let container = docker.run(&unique("p"), &[], &["sleep", "1000"]);
    // The shell closes its own ends at once, often before the commands have run at all.
    let filter = format!(
        "container.id={} and ((evt.type=write and fd.num=1) or (evt.type=read and fd.num=0)) and evt.rawres=7",
        container.short_id()
    );
    let session = Session::lines("%evt.type %fd.type", &filter);
    let pipeline = "busybox dd if=/dev/zero bs=7 count=1 status=none | busybox dd of=/dev/null bs=7 status=none";
    let script = format!("i=0; while [ $i -lt {PIPELINES} ]; do {pipeline}; i=$((i+1)); done");
    let _ = container.exec(&["sh", "-c", &script]);
    let output = session.end();
    let count = |wanted: &str| output.lines.iter().filter(|line| line.ends_with(wanted)).count();
    let found = ["read file", "write pipe", "read pipe", "write file"].map(count);
    assert_eq!(found, [PIPELINES; 4], "{} lines: {:#?}", output.lines.len(), &output.lines[..4]);
}
