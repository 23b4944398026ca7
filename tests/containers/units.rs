//! Units of systemd, by cgroups as systemd makes them: in lines, filters that the kernel decides, tables and captures.

use tracer_tests::{
    cgroup::Cgroup,
    command::output,
    level,
    scratch::Scratch,
    session::{Session, sum},
};

const SERVICE: &str = "/system.slice/tracer-test.slice/web.service";
const OF_USER: &str = "/user.slice/user-61011.slice/user@61011.service/app.slice/shell.scope";
const FORMAT: &str = "%proc.name %proc.unit %proc.slice %proc.user_unit";

#[test]
fn a_process_is_in_the_unit_of_its_cgroup() {
    if !level::root_or_skip() {
        return;
    }
    let (service, of_user) = (Cgroup::make(SERVICE), Cgroup::make(OF_USER));
    let scratch = Scratch::new();
    let file = scratch.path("units.scap").display().to_string();
    let filter = "evt.type=execve and proc.name in (uname, id)";
    for way in [&[][..], &["--no-pushdown"]] {
        let mut command = tracer_tests::command::tracer([way, &["--buffer-size", "64M", "-w", &file]].concat());
        let session = Session::lines_of(&mut command, FORMAT, &format!("{filter} and proc.slice exists"));
        assert!(service.run(0, "uname").status.success());
        assert!(of_user.run(0, "id").status.success());
        // In no unit at all.
        assert!(std::process::Command::new("uname").output().is_ok());
        let live = session.end();
        let lines: Vec<&str> = live.lines.iter().filter_map(|line| line.strip_prefix("<NA> ")).collect();
        let expected =
            ["uname web.service tracer-test.slice <NA>", "id user@61011.service user-61011.slice shell.scope"];
        assert_eq!(lines, expected, "{way:?}: {}", live.errors);
        let format = format!("*{FORMAT}");
        let again = output([
            "-r",
            &file,
            "-p",
            &format,
            &format!("{filter} and proc.unit in (web.service, user@61011.service)"),
        ]);
        assert_eq!(again.lines, expected, "from the capture: {}", again.errors);
    }
}

#[test]
fn filters_of_units_and_tables_by_unit_are_the_same_in_the_kernel() {
    if !level::root_or_skip() {
        return;
    }
    let service = Cgroup::make(SERVICE);
    let counts = [&[][..], &["--no-pushdown"]].map(|way| {
        let arguments = [way, &["-c", "topscalls", "proc.unit=web.service and evt.type=write"]].concat();
        let session = Session::table_of(&mut tracer_tests::command::tracer(arguments));
        // Long enough for the kernel side to learn of the cgroup.
        let script = "sleep 1.5; busybox dd if=/dev/zero of=/dev/null bs=512 count=700 status=none; sleep 1.5";
        assert!(service.run(0, script).status.success());
        sum(&session.end(), &["write"]).exactly().expect("a number")
    });
    assert!(counts[0] >= 700 && counts[0] == counts[1], "{counts:?}");
}
