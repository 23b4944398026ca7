//! Units of systemd, from the path of a cgroup: systemd gives each unit a folder of its name, in the folders of its slices.
//!
//! Source: systemd, src/basic/cgroup-util.c: `cg_path_get_unit`, `cg_path_get_slice`, `cg_path_get_user_unit`.

/// The slice of what is in none.
const ROOT_SLICE: &str = "-.slice";
/// Units that have processes.
const SUFFIXES: [&str; 5] = [".service", ".scope", ".socket", ".mount", ".swap"];

/// Where in the tree of units a cgroup is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Place<'a> {
    /// The unit of the system's manager.
    pub unit: Option<&'a str>,
    /// The slice that it is in.
    pub slice: Option<&'a str>,
    /// The unit of a user's own manager.
    pub user_unit: Option<&'a str>,
}

impl<'a> Place<'a> {
    /// Of the cgroup that has that path.
    #[must_use]
    pub fn of(path: &'a str) -> Self {
        Self::of_folders(path.split('/').filter(|folder| !folder.is_empty() && *folder != ".."))
    }

    /// Of the cgroup with these folders, the root's child first.
    pub fn of_folders(mut folders: impl Iterator<Item = &'a str>) -> Self {
        let (slice, unit) = next(&mut folders);
        let is_manager = unit.is_some_and(|unit| unit.starts_with("user@"));
        let user_unit = if is_manager { next(&mut folders).1 } else { None };
        // Folders that others made have no unit, and no slice unless they are in one.
        let slice = slice.or(unit.map(|_| ROOT_SLICE));
        Self { unit, slice, user_unit }
    }
}

/// The innermost of the slices that follow, and the unit behind them.
fn next<'a>(folders: &mut impl Iterator<Item = &'a str>) -> (Option<&'a str>, Option<&'a str>) {
    let mut slice = None;
    for folder in folders {
        // What could be taken for a file of the kernel has an underscore in front.
        let name = folder.strip_prefix('_').unwrap_or(folder);
        if name.ends_with(".slice") {
            slice = Some(name);
        } else {
            return (slice, Some(name).filter(|name| is_unit(name)));
        }
    }
    (slice, None)
}

fn is_unit(name: &str) -> bool {
    SUFFIXES.iter().any(|suffix| name.strip_suffix(suffix).is_some_and(|stem| !stem.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_and_slices_are_folders() {
        let of = |path| {
            let place = Place::of(path);
            [place.unit, place.slice, place.user_unit].map(Option::unwrap_or_default)
        };
        for (path, expected) in [
            ("/system.slice/cron.service", ["cron.service", "system.slice", ""]),
            ("/init.scope", ["init.scope", "-.slice", ""]),
            ("/system.slice/system-getty.slice/getty@tty1.service", ["getty@tty1.service", "system-getty.slice", ""]),
            ("/system.slice/docker-77.scope/x", ["docker-77.scope", "system.slice", ""]),
            ("/machine.slice/systemd-nspawn@web.service/payload", ["systemd-nspawn@web.service", "machine.slice", ""]),
            ("/system.slice/_cpu.service", ["cpu.service", "system.slice", ""]),
            ("/user.slice/user-7.slice/session-2.scope", ["session-2.scope", "user-7.slice", ""]),
            (
                "/user.slice/user-7.slice/user@7.service/app.slice/app-web.slice/web.service/x",
                ["user@7.service", "user-7.slice", "web.service"],
            ),
            ("/user.slice/user-7.slice/user@7.service/init.scope", ["user@7.service", "user-7.slice", "init.scope"]),
            ("/kubepods.slice/kubepods-pod1.slice/crio-1.scope", ["crio-1.scope", "kubepods-pod1.slice", ""]),
            ("/docker/77", ["", "", ""]),
            ("/docker/77/system.slice/nginx.service", ["", "", ""]),
            ("/system.slice", ["", "system.slice", ""]),
            ("/system.slice/.service", ["", "system.slice", ""]),
            ("/", ["", "", ""]),
        ] {
            assert_eq!(of(path), expected, "{path}");
        }
    }
}
