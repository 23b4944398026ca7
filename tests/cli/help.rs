//! Help, lists and completions, as a person meets them.

use std::process::Command;

use tracer_tests::{command, level, scratch::Scratch};

fn lines(words: &[&str]) -> Vec<String> {
    let output = command::output(words.iter().copied());
    assert_eq!(output.status.code(), Some(0), "{words:?}: {}", output.errors);
    assert!(output.errors.is_empty(), "{words:?}: {}", output.errors);
    output.lines
}

#[test]
fn help_is_short_or_long_as_it_is_asked_for() {
    let short = lines(&["-h"]);
    assert!(short.len() <= 24 && short.iter().all(|line| line.chars().count() <= 84), "{short:#?}");
    assert_eq!(lines(&["-c", "topscalls", "-h"]), short, "wherever the option is");
    let long = lines(&["--help"]).join("\n");
    for section in ["Tables and reports:", "Output:", "Captures:", "Limits:", "Help and settings:"] {
        assert!(long.contains(&format!("\n{section}\n")), "{section}");
    }
    for developers in ["--kernel-log", "--no-pushdown", "--watch", "--list-markdown", "--bench"] {
        assert!(!long.contains(developers), "{developers}");
    }
}

#[test]
fn topics_and_subcommands_have_help() {
    assert!(lines(&["help"]).iter().any(|line| line.contains("filters")));
    for topic in
        ["filters", "formats", "chisels", "captures", "containers", "privileges", "exit", "topscalls", "fd.name"]
    {
        assert!(!lines(&["help", topic]).is_empty(), "{topic}");
    }
    assert!(lines(&["info", "--help"]).join("\n").contains("tracer info FILE"));
    assert!(lines(&["chisel", "-h"]).join("\n").contains("tracer chisel check"));
    let wrong = command::output(["help", "filtres"]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(wrong.errors.contains("hint: did you mean 'filters'?"), "{}", wrong.errors);
}

/// The examples of the short help run, but for those that need the kernel.
#[test]
fn examples_of_the_help_are_right() {
    let capture = concat!(env!("CARGO_MANIFEST_DIR"), "/captures/sample.scap");
    let examples: Vec<String> = lines(&["-h"]).into_iter().filter(|line| line.starts_with("  tracer ")).collect();
    let examples = examples.iter().filter_map(|line| line.split_once("  tracer ")?.1.split("  ").next());
    let mut count = 0;
    for example in examples.filter(|example| !example.contains(['[', 'F']) && !example.starts_with("-w")) {
        let script = format!("{} -r {capture} {}", level::tracer().display(), example.split(" who ").next().unwrap());
        let output = Command::new("sh").args(["-c", &script]).output().unwrap();
        assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
        count += 1;
    }
    assert_eq!(count, 4);
}

#[test]
fn the_manual_is_for_people() {
    let page = lines(&["--generate", "man"]).join("\n");
    for section in ["SUBCOMMANDS", "EXAMPLES", "EXIT STATUS", "FILES", "ENVIRONMENT", "SEE ALSO"] {
        assert!(page.contains(&format!(".SH \"{section}\"")), "{section}");
    }
    assert!(!page.contains("kernel\\-log"));
}

/// What bash offers after these words.
fn completions(line: &[&str]) -> String {
    let scratch = Scratch::new();
    let script = scratch.path("tracer.bash");
    std::fs::write(&script, lines(&["--generate", "complete-bash"]).join("\n")).unwrap();
    let folder = level::tracer().parent().unwrap().to_owned();
    let words = line.iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join(" ");
    let script = format!(
        "PATH={}:$PATH; source {}; COMP_WORDS=({words}); COMP_CWORD={}; _tracer_names tracer {} {}; echo ${{COMPREPLY[@]}}",
        folder.display(),
        script.display(),
        line.len() - 1,
        line[line.len() - 1],
        line[line.len() - 2],
    );
    let output = Command::new("bash").args(["-c", &script]).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn shells_complete_chisels_and_fields() {
    assert!(completions(&["tracer", "-c", "topprocs_"]).contains("topprocs_net"));
    assert!(completions(&["tracer", "proc.na"]).contains("proc.name"));
    assert!(completions(&["tracer", "--buf"]).contains("--buffer-size"));
    assert!(completions(&["tracer", "ser"]).contains("serve"));
    assert!(completions(&["tracer", "serve", "--lis"]).contains("--listen"));
    assert!(completions(&["tracer", "top", "--view-c"]).contains("--view-check"));
    // In zsh the first word may be a subcommand, which a filter in front of it would swallow.
    let zsh = lines(&["--generate", "complete-zsh"]).join("\n");
    assert!(zsh.contains("\":: :_tracer_first\"") && zsh.contains("'serve:") && !zsh.contains("$line[2]"));
    let fish = lines(&["--generate", "complete-fish"]).join("\n");
    assert!(fish.contains("__fish_tracer_needs_command") && fish.contains("-a \"serve\""));
    assert!(lines(&["--complete", "chisels"]).contains(&"topscalls".to_owned()));
}

#[test]
fn lists_follow_the_width() {
    for width in [46, 80, 140] {
        let mut command = command::tracer(["-l"]);
        let output = command::Running::start(command.env("COLUMNS", width.to_string())).end();
        let longest = output
            .lines
            .iter()
            .filter(|line| line.starts_with("  ") && line.trim().contains(' '))
            .map(|it| it.chars().count())
            .max();
        assert!(longest.unwrap() <= width && longest.unwrap() > width - 20, "{width}: {longest:?}");
    }
}
