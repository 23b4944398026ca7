//! Pods in captures of other tools: what their container events have of CRI, in each of the forms in which they come. The keys are
//! those of falcosecurity's JSON of a container.

use serde_json::{Value, json};
use tracer_common::events::{code, old::code as old};
use tracer_tests::{
    command::output,
    scap::build::{EVENT, PROCESSES, TID, block, event_of, machine, process_in, section},
    scratch::Scratch,
};

const FIRST_NS: u64 = 1_500_000_000_000_000_000;
const UID: &str = "0f90f31c-ebb3-4b34-9e8d-1a2b3c4d5e6f";

/// How an event tells of a container: its code, and its parameters but the JSON.
type Form = (u16, &'static [&'static [u8]]);

const FORMS: [Form; 3] =
    [(old::CONTAINER_JSON_E, &[]), (old::CONTAINER_JSON_2_E, &[]), (old::ASYNCEVENT_E, &[&[0; 4], b"container\0"])];

fn id(digit: char) -> String {
    format!("abcdef01234{digit}{}", "0f".repeat(26))
}

/// What kubelet puts on a container of the pod.
fn labels(container: &str) -> Value {
    json!({
        "io.kubernetes.container.name": container, "io.kubernetes.pod.name": "web-7d4b9c-x2x4z",
        "io.kubernetes.pod.namespace": "prod", "io.kubernetes.pod.uid": UID
    })
}

/// The container of a pod and its sandbox, as other tools tell of those that a runtime of CRI has. `kind` is the number of its type.
fn told(kind: u16) -> [Value; 2] {
    let pod = json!({
        "io.kubernetes.pod.name": "web-7d4b9c-x2x4z", "io.kubernetes.pod.namespace": "prod",
        "io.kubernetes.pod.uid": UID, "app": "web", "pod-template-hash": "7d4b9c"
    });
    let sandbox = json!({
        "id": &id('1')[..12], "type": kind, "name": "", "image": "", "is_pod_sandbox": true, "labels": pod,
        "pod_sandbox_id": id('1'), "pod_sandbox_labels": pod, "ip": "10.85.0.7", "lookup_state": 1
    });
    let container = json!({
        "id": &id('2')[..12], "full_id": id('2'), "type": kind, "name": "nginx", "image": "docker.io/library/nginx:1.25",
        "imagerepo": "docker.io/library/nginx", "imagetag": "1.25", "imagedigest": "", "imageid": "77", "is_pod_sandbox": false,
        "labels": labels("nginx"), "pod_sandbox_id": id('1'), "pod_sandbox_labels": pod, "privileged": false,
        "ip": "10.85.0.7", "cni_json": "{\"cniVersion\":\"1.0\"}", "Mounts": [], "port_mappings": [], "env": null,
        "metadata_deadline": 0, "cpu_period": 100_000, "host_network": false, "User": "0", "lookup_state": 1
    });
    [sandbox, container]
}

/// A capture of a process in each of these cgroups, after these containers were told of in that form.
fn capture(cgroups: &[String], (code, before): Form, containers: &[Value]) -> Vec<u8> {
    let entries =
        (TID..).zip(cgroups).flat_map(|(tid, path)| process_in(tid, b"sh", format!("cpu={path}\0").as_bytes()));
    let mut bytes = [section(&[]), machine(), block(PROCESSES, &entries.collect::<Vec<u8>>())].concat();
    let mut time = FIRST_NS;
    let mut push = |tid: u64, code: u16, params: &[&[u8]]| {
        bytes.extend(block(EVENT, &event_of(time, tid, code, params, b"")));
        time += 1000;
    };
    for container in containers {
        let text = json!({ "container": container }).to_string() + "\0";
        push(u64::MAX, code, &[before, &[text.as_bytes()]].concat());
    }
    for (tid, _) in (TID..).zip(cgroups) {
        push(tid, code::CLOSE, &[&(-9_i64).to_le_bytes(), &7_i64.to_le_bytes()]);
    }
    bytes
}

#[track_caller]
fn lines(bytes: &[u8], more: &[&str]) -> Vec<String> {
    let scratch = Scratch::new();
    let path = scratch.path("pods.scap");
    std::fs::write(&path, bytes).expect("the capture is written");
    let output = output([&["-r", path.to_str().expect("paths of tests are text")], more].concat());
    assert_eq!(output.status.code(), Some(0), "{}", output.errors);
    output.lines.into_iter().map(|line| line.trim_end().to_owned()).filter(|line| !line.is_empty()).collect()
}

const FORMAT: &str = "*%container.type %container.id %container.name %container.image %k8s.ns.name %k8s.pod.name %k8s.pod.uid \
    %k8s.pod.qos %k8s.pod.sandbox_id %k8s.pod.label.app %k8s.pod.ip %k8s.container.name %k8s.container.is_sandbox %k8s.workload.name";

#[test]
fn pods_of_other_tools_have_all_that_their_containers_tell() {
    for (kind, runtime, scope) in
        [(7, "containerd", "cri-containerd-ID.scope"), (8, "cri-o", "crio-ID"), (6, "cri", "ID")]
    {
        for form in FORMS {
            let cgroups =
                ['1', '2'].map(|digit| format!("/kubepods/burstable/pod{UID}/{}", scope.replace("ID", &id(digit))));
            let bytes = capture(&cgroups, form, &told(kind));
            let what = format!("{runtime} {form:?}");
            let [sandbox, container] = ['1', '2'].map(|digit| id(digit)[..12].to_owned());
            let of_pod =
                |name: &str| format!("prod web-7d4b9c-x2x4z {UID} Burstable {sandbox} web 10.85.0.7 {name} web");
            let nginx = format!("{runtime} {container} nginx docker.io/library/nginx:1.25 {}", of_pod("nginx false"));
            let expected = [format!("{runtime} {sandbox} <NA> <NA> {}", of_pod("<NA> true")), nginx.clone()];
            assert_eq!(lines(&bytes, &["-p", FORMAT]), expected, "{what}");
            for filter in [
                "k8s.container.name=nginx and k8s.ns.name=prod",
                "k8s.pod.name startswith web- and container.name=nginx",
                "k8s.pod.label.app=web and container.image.tag=1.25",
                "k8s.deployment.name=web and k8s.container.is_sandbox=false",
            ] {
                assert_eq!(lines(&bytes, &["-p", FORMAT, filter]), [nginx.as_str()], "{what} {filter}");
            }
            assert_eq!(lines(&bytes, &["-p", FORMAT, "k8s.ns.name=other"]), [""; 0], "{what}");
            let shown = lines(&bytes, &["-pk", "k8s.container.name=nginx"]);
            assert!(
                shown.len() == 1 && shown[0].contains("prod") && shown[0].contains("web-7d4b9c-x2x4z"),
                "{shown:?}"
            );
            let pods = lines(&bytes, &["-c", "lspods"]);
            let is_it = |line: &&String| line.starts_with("prod ") && line.contains("Deployment/web");
            assert_eq!(pods.iter().filter(is_it).count(), 1, "{what}: {pods:?}");
            let table = lines(&bytes, &["-c", "toppods_error"]);
            assert!(
                table.iter().any(|line| line.split_whitespace().eq(["2", "prod", "web-7d4b9c-x2x4z"])),
                "{table:?}"
            );
        }
    }
}

/// dockershim and cri-dockerd: the container is one of Docker, and its labels tell the pod.
#[test]
fn pods_of_docker_are_told_by_labels() {
    let container = json!({
        "id": &id('2')[..12], "type": 0, "name": format!("k8s_nginx_web-7d4b9c-x2x4z_prod_{UID}_0"), "image": "nginx:1.25",
        "labels": labels("nginx"), "lookup_state": 1
    });
    let cgroup = format!("/kubepods/burstable/pod{UID}/{}", id('2'));
    let bytes = capture(&[cgroup], FORMS[0], &[container]);
    let format = "*%container.type %k8s.ns.name %k8s.pod.name %k8s.container.name %k8s.pod.qos";
    assert_eq!(lines(&bytes, &["-p", format]), ["docker prod web-7d4b9c-x2x4z nginx Burstable"]);
}
