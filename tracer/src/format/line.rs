//! The formats that have names.

use super::color::{Color, RESET};

/// What `-p` chooses when it is not a format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Preset {
    /// One line with the thread and the parameters.
    #[default]
    Default,
    /// The same with the container.
    Container,
    /// The same with the namespace and the pod of the container.
    Kubernetes,
    /// The same with the unit of systemd.
    Unit,
}

impl Preset {
    /// By the name that `-p` takes.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        match name {
            "p" | "default" => Some(Self::Default),
            "c" | "container" => Some(Self::Container),
            "k" | "kubernetes" => Some(Self::Kubernetes),
            "u" | "unit" => Some(Self::Unit),
            _ => None,
        }
    }

    /// The format. With colours the thread is shown as `PID.TID`.
    #[must_use]
    pub fn format(self, colors: bool) -> String {
        let head = "*%evt.num %evt.outputtime %evt.cpu";
        let tail = "%evt.dir %evt.type %evt.info";
        let paint = |color: Color, text: &str| format!("{}{text}{RESET}", color.on());
        // Whose process it is, and the field for it.
        let owner = match self {
            Self::Kubernetes => "%k8s.ns.name/%k8s.pod.name/%container.name",
            Self::Unit => "%proc.unit",
            Self::Default | Self::Container => "%container.name",
        };
        match (self, colors) {
            (Self::Default, false) => format!("{head} %proc.name (%thread.tid) {tail}"),
            (Self::Unit, false) => format!("{head} {owner} %proc.name (%thread.tid) {tail}"),
            (Self::Container | Self::Kubernetes, false) => {
                format!("{head} {owner} (%container.id) %proc.name (%thread.tid:%thread.vtid) {tail}")
            }
            (Self::Default, true) => format!(
                "{head} {} ({}.%thread.tid) %evt.dir {} %evt.info",
                paint(Color::Green, "%proc.name"),
                paint(Color::Cyan, "%proc.pid"),
                paint(Color::Blue, "%evt.type"),
            ),
            (Self::Unit, true) => format!(
                "{head} {} {} ({}.%thread.tid) %evt.dir {} %evt.info",
                paint(Color::Yellow, owner),
                paint(Color::Green, "%proc.name"),
                paint(Color::Cyan, "%proc.pid"),
                paint(Color::Blue, "%evt.type"),
            ),
            (Self::Container | Self::Kubernetes, true) => format!(
                "{head} {} (%container.id) {} ({}:%thread.vtid) %evt.dir {} %evt.info",
                paint(Color::Yellow, owner),
                paint(Color::Green, "%proc.name"),
                paint(Color::Cyan, "%thread.tid"),
                paint(Color::Blue, "%evt.type"),
            ),
        }
    }
}
