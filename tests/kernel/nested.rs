//! Containers in containers, as cgroups that are made here. The witness is what the kernel says of the process itself.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use tracer::state::{container::cgroup::Hierarchies, procfs::View};
use tracer_tests::{command::tracer, level, scratch::Scratch, session::Session};

use crate::capture::replay;

/// A cgroup with the same path in each hierarchy, as engines make it. What was not there before is removed at the end.
struct Cgroup {
    made: Vec<PathBuf>,
    procs: Vec<PathBuf>,
}

impl Cgroup {
    fn make(hierarchies: &[&Path], below: &[&str]) -> Self {
        let mut this = Self { made: Vec::new(), procs: Vec::new() };
        for hierarchy in hierarchies {
            let mut folder = (*hierarchy).to_owned();
            for name in below {
                folder.push(name);
                if fs::create_dir(&folder).is_ok() {
                    this.made.push(folder.clone());
                }
            }
            this.procs.push(folder.join("cgroup.procs"));
        }
        this
    }

    /// Runs a shell in it that first says in which cgroups it is.
    fn run(&self, command: &str) -> String {
        let enter: String = self.procs.iter().map(|procs| format!("echo $$ > {}; ", procs.display())).collect();
        let script = format!("{enter} cat /proc/self/cgroup; {command}");
        let output = Command::new("sh").args(["-c", &script]).stderr(Stdio::inherit()).output().expect("a shell");
        String::from_utf8(output.stdout).expect("paths are text")
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        for folder in self.made.iter().rev() {
            let _ = fs::remove_dir(folder);
        }
    }
}

#[test]
fn a_process_is_in_the_innermost_container_and_the_chain_is_known() {
    if !level::root_or_skip() {
        return;
    }
    let root = Path::new("/");
    let hierarchies = Hierarchies::find(root, &View::find(root, None));
    let tree = hierarchies.tree().expect("a v2 tree");
    let pid = std::process::id();
    let [outer, inner] = [1, 2].map(|number| format!("{number}{pid:011x}{:052x}", 0));
    let [outer_id, inner_id] = [&outer, &inner].map(|id| id[..12].to_owned());
    let scratch = Scratch::new();
    let file = scratch.path("nested.scap");
    let filter = "container.ids intersects (OUTER) and evt.type in (execve, openat)".replace("OUTER", &outer_id);
    let format = "%container.id %container.ids %evt.type %proc.name";
    let mut command = tracer(["-w", file.to_str().expect("a path")]);
    let mut session = Session::lines_of(&mut command, format, &filter);
    let v1 = ["/sys/fs/cgroup/cpu", "/sys/fs/cgroup/memory"].map(Path::new);
    let all: Vec<&Path> = v1.into_iter().filter(|v1| v1.join("tasks").exists()).chain([tree]).collect();
    let in_inner = Cgroup::make(&all, &["docker", &outer, "docker", &inner]);
    let witness = in_inner.run("/bin/true");
    assert!(witness.lines().any(|line| line.ends_with(&format!("/docker/{outer}/docker/{inner}"))), "{witness}");
    let expected = format!("{inner_id} ({inner_id},{outer_id}) execve true");
    let _ = session.wait_for(&[&expected]);
    let _ = session.end();
    let again = replay(&file, &["-p", format, &filter]);
    let of_true: Vec<&String> = again.lines.iter().filter(|line| line.ends_with(" execve true")).collect();
    assert_eq!(of_true, [&expected], "{:?}", again.lines);
}
