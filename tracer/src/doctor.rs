//! What this kernel and this user allow, line by line, each problem with its remedy: `tracer --doctor`.

mod confine;
mod engines;
mod host;
mod kernel;
pub mod privileges;

use std::io::{self, Write};

use crate::{message::without_numbers, state::container::Options};
pub(crate) use kernel::UNUSED_CALL;
pub use privileges::{may_load, missing_privileges};

/// How something stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Grade {
    /// As it should be.
    Ok,
    /// Something is missing, and tracing works without.
    Warn,
    /// Tracing does not work.
    Fail,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Finding {
    grade: Grade,
    /// What was looked at, and what was found.
    text: String,
    /// What a person can do.
    hint: Option<String>,
}

impl Finding {
    fn ok(text: impl Into<String>) -> Self {
        Self { grade: Grade::Ok, text: text.into(), hint: None }
    }

    fn warn(text: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { grade: Grade::Warn, text: text.into(), hint: Some(hint.into()) }
    }

    fn fail(text: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { grade: Grade::Fail, text: text.into(), hint: Some(hint.into()) }
    }
}

/// Looks at everything and writes what was found; containers are looked for with these options. True if tracing will work.
///
/// # Errors
/// `out` cannot be written.
pub fn run(options: &Options, out: &mut impl Write) -> io::Result<bool> {
    let host = || host::look(options);
    let engines = || engines::look(options);
    let looks: [&dyn Fn() -> Vec<Finding>; 6] =
        [&kernel::look, &privileges::look, &confine::look, &host, &engines, &kernel::try_hooks];
    let mut works = true;
    for look in looks {
        for finding in look() {
            works &= finding.grade != Grade::Fail;
            write_finding(out, &finding)?;
        }
        out.flush()?;
    }
    Ok(works)
}

fn write_finding(out: &mut impl Write, finding: &Finding) -> io::Result<()> {
    let grade = match finding.grade {
        Grade::Ok => "ok",
        Grade::Warn => "warn",
        Grade::Fail => "fail",
    };
    writeln!(out, "{grade:<4} {}", without_numbers(&finding.text))?;
    if let Some(hint) = &finding.hint {
        writeln!(out, "     hint: {}", without_numbers(hint))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_have_no_numbers_of_errors() {
        let denied = io::Error::from_raw_os_error(libc::EACCES);
        let mut out = Vec::new();
        write_finding(&mut out, &Finding::warn(format!("files: not readable: {denied}"), format!("as {denied}")))
            .unwrap();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text, "warn files: not readable: Permission denied\n     hint: as Permission denied\n");
    }

    #[test]
    fn every_line_has_a_grade_and_a_problem_has_its_remedy() {
        let mut out = Vec::new();
        run(&Options::default(), &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        let mut lines = text.lines().peekable();
        while let Some(line) = lines.next() {
            assert!(["ok   ", "warn ", "fail "].iter().any(|grade| line.starts_with(grade)), "{line}");
            let hint = lines.next_if(|line| line.starts_with("     hint: "));
            assert_eq!(hint.is_some(), !line.starts_with("ok "), "{line}");
        }
        for what in [
            "kernel:",
            "BTF:",
            "capabilities:",
            "cgroups:",
            "hooks:",
            "reading captures",
            "tracing keeps:",
            "Landlock:",
            "seccomp:",
        ] {
            assert!(text.contains(what), "{what} is missing in:\n{text}");
        }
    }
}
