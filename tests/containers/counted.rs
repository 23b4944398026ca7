//! Pods in filters and tables that the kernel decides and counts: the numbers are those of the work that was done, whether the kernel
//! counts or tracer does.

use std::{thread, time::Duration};

use tracer_tests::{
    command::{output, tracer},
    containerd::Containerd,
    level,
    session::{Session, Sum, sum},
};

/// What each container writes: that many times, that many bytes.
const WRITES: u64 = 700;
const BYTES: u64 = 512;
/// What goes through a socket.
const SENT: u64 = 50_000;

fn needs() -> bool {
    level::root_or_skip() && ["containerd", "runc", "busybox"].into_iter().all(level::program_or_skip)
}

/// What is counted while `work` is done, by the kernel and by tracer itself.
fn counted(argument: &str, words: &[&str], keys: &[&str], work: impl Fn()) -> [Sum; 2] {
    [&[][..], &["--no-pushdown"]].map(|way| {
        let more = ["--buffer-size", "64M", "--engine-socket", argument];
        let session = Session::table_of(&mut tracer([way, &more, words].concat()));
        work();
        thread::sleep(Duration::from_millis(300));
        let table = session.end();
        assert!(table.errors.contains(" 0 lost") || !table.errors.contains(" lost"), "{}", table.errors);
        let sum = sum(&table, keys);
        println!("{way:?} {words:?}: {sum:?}");
        sum
    })
}

#[test]
fn filters_of_pods_are_decided_in_the_kernel_and_count_exactly() {
    if !needs() {
        return;
    }
    let containerd = Containerd::start();
    let argument = containerd.argument();
    let db = containerd.pod("db-0", "burstable", &[("statefulset.kubernetes.io/pod-name", "db-0")]);
    let web = containerd.pod("web-0", "", &[]);
    let containers =
        [(&db, "one"), (&db, "two"), (&web, "three")].map(|(pod, name)| pod.run(name, 0, &["sleep", "1000"]));
    let dd = format!("dd if=/dev/zero of=/dev/null bs={BYTES} count={WRITES} status=none");
    let uid = format!("k8s.pod.uid={}", db.config.uid);
    for (test, times) in [
        ("k8s.pod.name=db-0", 2),
        ("k8s.ns.name=prod", 3),
        ("k8s.container.name=two", 1),
        ("k8s.workload.name=db", 2),
        ("k8s.pod.label.app in (web-0, other)", 1),
        ("k8s.pod.qos=Burstable", 2),
        (&uid, 2),
    ] {
        let filter = format!("{test} and evt.type=write and evt.rawres={BYTES}");
        let words = ["-c", "topscalls", &filter];
        let explained = output([&["--explain"][..], &words].concat());
        let told = explained.lines.iter().position(|line| line.trim_start().starts_with(&test[..test.len().min(20)]));
        let told = told.map(|at| explained.lines[at..].iter().take(2).cloned().collect::<String>());
        assert!(told.is_some_and(|told| told.contains("in the kernel")), "{test}: {:#?}", explained.lines);
        assert!(
            explained.lines.iter().any(|line| line.contains("counted in the kernel, without records")),
            "{test}: {:#?}",
            explained.lines
        );
        let counts = counted(&argument, &words, &["write"], || {
            containers.iter().for_each(|id| containerd.cri.exec(id, &["sh", "-c", &dd]));
        });
        assert_eq!(counts.map(Sum::exactly), [Some(times * WRITES); 2], "{test}");
    }
}

#[test]
fn tables_by_pod_count_exactly() {
    if !needs() {
        return;
    }
    let containerd = Containerd::start();
    let argument = containerd.argument();
    let (db, web) = (containerd.pod("db-0", "", &[]), containerd.pod("web-0", "", &[]));
    let containers =
        [(&db, "one"), (&db, "two"), (&web, "three")].map(|(pod, name)| pod.run(name, 0, &["sleep", "1000"]));
    let port = 20_000 + std::process::id() % 20_000;
    let files = format!("dd if=/dev/zero of=/tmp/out bs={BYTES} count={WRITES} status=none; rm -f /tmp/out");
    // Each of the two ends with what the other one sends: nothing, until all is there.
    let net = format!(
        "sleep 2 | busybox nc -l -p {port} >/dev/null & sleep 0.5; dd if=/dev/zero bs=1000 count={} status=none | busybox nc 127.0.0.1 {port}; wait",
        SENT / 1000
    );
    let explained = |words: &[&str], what: &str| {
        let explained = output([&["--explain"][..], words].concat());
        assert!(explained.lines.iter().any(|line| line.contains(what)), "{words:?}: {:#?}", explained.lines);
    };
    let words = ["-c", "toppods_file", "fd.name=/tmp/out"];
    let of_files = counted(&argument, &words, &["prod", "db-0"], || {
        containers.iter().for_each(|id| containerd.cri.exec(id, &["sh", "-c", &files]));
    });
    assert!(of_files.iter().all(|sum| sum.is(2 * WRITES * BYTES)), "{of_files:?}");
    let words = ["-c", "toppods_error", "evt.type=openat"];
    explained(&words, "counted in the kernel, without records");
    let of_errors = counted(&argument, &words, &["prod", "db-0"], || {
        let fail = "for i in 1 2 3 4 5; do while read -r x; do :; done < /nothing; done; true";
        containers.iter().for_each(|id| containerd.cri.exec(id, &["sh", "-c", fail]));
    });
    let words = ["-c", "toppods_net"];
    explained(&words, "bytes of internet sockets are summed in the kernel");
    let of_net =
        counted(&argument, &words, &["prod", "db-0"], || containerd.cri.exec(&containers[0], &["sh", "-c", &net]));
    println!("{of_files:?} {of_errors:?} {of_net:?}");
    assert!(of_net.iter().all(|sum| sum.is(2 * SENT)), "{of_net:?}");
    assert!(of_errors[0].exactly().is_some_and(|errors| errors > 0) && of_errors[0] == of_errors[1], "{of_errors:?}");
}
