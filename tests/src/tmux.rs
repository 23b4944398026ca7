//! A real terminal emulator, as far as a machine without a screen has one: tmux.

use std::process::{Command, Stdio};

use crate::{level, scratch::Scratch, wait};

/// A line that starts `tracer top` with these words, and says then how it has ended.
#[must_use]
pub fn top(words: &str) -> String {
    format!("{} top {words}; echo ended $?", level::tracer().display())
}

/// A terminal in tmux, with a shell. It ends with this.
pub struct Tmux {
    socket: String,
    /// What programs in it keep of their user's settings, and what they find: nothing of others.
    home: Scratch,
}

impl Tmux {
    /// `None`, and why, without tmux.
    ///
    /// # Panics
    /// The shell does not come up.
    #[must_use]
    pub fn start(name: &str, columns: u16, rows: u16) -> Option<Self> {
        if Command::new("tmux").arg("-V").stdout(Stdio::null()).status().is_err() {
            println!("skipped: tmux is not installed");
            return None;
        }
        let home = Scratch::new();
        let folder = |name: &str| home.path(name).display().to_string();
        let (state, config) = (folder("state"), folder("config"));
        let this = Self { socket: format!("tracer-test-{name}-{}", std::process::id()), home };
        let size = [columns, rows].map(|number| number.to_string());
        let shell = format!("env LC_ALL=C.UTF-8 XDG_STATE_HOME={state} XDG_CONFIG_HOME={config} PS1='ready> ' sh");
        this.run(&["-f", "/dev/null", "new-session", "-d", "-x", &size[0], "-y", &size[1], &shell]);
        wait::until("the shell", || this.text().contains("ready>").then_some(()));
        Some(this)
    }

    /// Runs a command of tmux; what it prints.
    ///
    /// # Panics
    /// tmux cannot be run.
    pub fn run(&self, words: &[&str]) -> String {
        let output = Command::new("tmux").arg("-L").arg(&self.socket).args(words).output().expect("tmux");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Gives the terminal another size.
    pub fn resize(&self, columns: u16, rows: u16) {
        let size = [columns, rows].map(|number| number.to_string());
        self.run(&["resize-window", "-x", &size[0], "-y", &size[1]]);
    }

    /// Presses keys, by their names in tmux.
    pub fn keys(&self, keys: &[&str]) {
        self.run(&[&["send-keys"], keys].concat());
    }

    /// Types text as it is.
    pub fn type_in(&self, text: &str) {
        self.run(&["send-keys", "-l", text]);
    }

    /// Sends these bytes, at once, as a terminal does for a key.
    ///
    /// # Panics
    /// The bytes cannot be handed over.
    pub fn send(&self, bytes: &[u8]) {
        let path = self.home.path("bytes");
        std::fs::write(&path, bytes).expect("a file");
        self.run(&["load-buffer", "-b", "bytes", &path.display().to_string()]);
        self.run(&["paste-buffer", "-r", "-d", "-b", "bytes"]);
    }

    /// Types a line.
    pub fn line(&self, line: &str) {
        self.run(&["send-keys", line, "Enter"]);
    }

    /// What is on the terminal.
    #[must_use]
    pub fn text(&self) -> String {
        self.run(&["capture-pane", "-p"])
    }

    /// The same with what has left it at the top.
    #[must_use]
    pub fn all(&self) -> String {
        self.run(&["capture-pane", "-p", "-S", "-"])
    }

    /// Waits until what is on the terminal is right.
    ///
    /// # Panics
    /// It is not in time.
    pub fn wait(&self, what: &str, is_right: impl Fn(&str) -> bool) -> String {
        wait::until(what, || Some(self.text()).filter(|text| is_right(text)))
    }
}

impl Drop for Tmux {
    fn drop(&mut self) {
        self.run(&["kill-server"]);
    }
}
