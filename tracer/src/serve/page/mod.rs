//! The web page: tables that are right without script, and live with it. Everything comes from the binary.

use std::fmt::Write as _;

use super::{
    gather::Snapshot,
    history::Point,
    http::{Answer, HTML, Request},
    known::Known,
    latency,
    measured::{Measured, Picture, Process},
    metrics, params,
    rest::own,
    site::{FRESH, Site},
    totals::Live,
};
use crate::format::{escape, units};

/// What `/static/` has: a name, its type, and the text.
const FILES: [(&str, &str, &str); 5] = [
    ("app.js", "text/javascript; charset=utf-8", include_str!("app.js")),
    ("now.js", "text/javascript; charset=utf-8", include_str!("now.js")),
    ("heat.js", "text/javascript; charset=utf-8", include_str!("heat.js")),
    ("chart.js", "text/javascript; charset=utf-8", include_str!("chart.js")),
    ("style.css", "text/css; charset=utf-8", include_str!("style.css")),
];

/// A column of the table: its heading, its name for the script, and whether it is a number.
const COLUMNS: [(&str, &str, bool); 11] = [
    ("Container", "title", false),
    ("Image", "image", false),
    ("CPU %", "cpu", true),
    ("Memory", "memory", true),
    ("Limit", "limit", true),
    ("Received/s", "received", true),
    ("Sent/s", "sent", true),
    ("Read/s", "read", true),
    ("Written/s", "written", true),
    ("Calls/s", "calls", true),
    ("Errors/s", "errors", true),
];

pub(super) async fn file(request: Request) -> Answer {
    match FILES.iter().find(|(name, ..)| *name == request.rest) {
        Some((_, kind, text)) => Answer::new(kind, *text),
        None => Answer::not_found("there is no such file"),
    }
}

pub(super) async fn overview(request: Request) -> Answer {
    let site = &request.site;
    site.looked();
    let picture = site.picture(FRESH).await;
    let snapshot = site.snapshot();
    let mut body = String::new();
    let _ = write!(body, "<p id=\"status\" role=\"status\">{}</p>", status(&snapshot));
    body.push_str(
        "<form class=\"tools\" role=\"search\"><label>Search <input id=\"search\" type=\"search\" name=\"q\" autocomplete=\"off\"></label> \
        <label>Group by <select id=\"group\"><option value=\"\">nothing</option><option value=\"namespace\">namespace</option>\
        <option value=\"pod\">pod</option><option value=\"workload\">workload</option>\
        <option value=\"project\">compose project</option><option value=\"runtime\">runtime</option></select></label></form>",
    );
    let query = request.text(&params::SEARCH).unwrap_or_default().to_lowercase();
    body.push_str("<div class=\"scroll\"><table id=\"containers\"><thead><tr>");
    for (title, name, is_number) in COLUMNS {
        let class = if is_number { " class=\"n\"" } else { "" };
        let _ = write!(
            body,
            "<th scope=\"col\"{class} data-column=\"{name}\"><button type=\"button\">{title}</button></th>"
        );
    }
    body.push_str("<th scope=\"col\">CPU, last minutes</th></tr></thead><tbody>");
    for (id, live) in &snapshot.live {
        if query.is_empty() || live.known.facts.values().any(|text| text.to_lowercase().contains(&query)) {
            row(&mut body, site, id, live, picture.containers.get(id));
        }
    }
    body.push_str("</tbody></table></div>");
    if snapshot.live.is_empty() {
        body.push_str("<p id=\"none\">No container is running.</p>");
    }
    page(site, "Containers", "overview", &body)
}

fn row(body: &mut String, site: &Site, id: &str, live: &Live, measured: Option<&Measured>) {
    let rates = rates(site, Some(id));
    let known = &live.known;
    let project = known.labels.get("com.docker.compose.project").map_or("", String::as_str);
    let groups = [
        ("namespace", known.get("namespace")),
        ("pod", known.get("pod")),
        ("workload", known.get("workload")),
        ("project", project),
        ("runtime", known.get("runtime")),
    ];
    let _ = write!(body, "<tr data-id=\"{}\"", html(id));
    for (name, value) in groups {
        let _ = write!(body, " data-{name}=\"{}\"", html(value));
    }
    let limit = measured.and_then(|it| it.memory_limit).map(|bytes| bytes as f64);
    let _ = write!(body, " data-limit=\"{}\">", limit.unwrap_or(0.0));
    let _ = write!(
        body,
        "<th scope=\"row\"><a href=\"{}/docker/{}\">{}</a></th><td>{}</td>",
        html(site.prefix()),
        html(id),
        html(known.title()),
        html(known.get("image"))
    );
    let bytes = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), shown_bytes);
    let memory = measured.and_then(|it| Point::of(it, None).memory);
    let cells = [
        rates.map_or_else(|| "–".to_owned(), |it| format!("{:.1}", it.cpu_s.unwrap_or(0.0) * 100.0)),
        bytes(memory),
        bytes(limit),
        bytes(rates.map(|it| it.received)),
        bytes(rates.map(|it| it.sent)),
        bytes(rates.map(|it| it.read)),
        bytes(rates.map(|it| it.written)),
        rates.map_or_else(|| "–".to_owned(), |it| format!("{:.0}", it.calls)),
        rates.map_or_else(|| "–".to_owned(), |it| format!("{:.0}", it.errors)),
    ];
    for cell in cells {
        let _ = write!(body, "<td class=\"n\">{cell}</td>");
    }
    body.push_str("<td class=\"spark\"></td></tr>");
}

/// What went on per second between the last two points; `None` before there are two.
fn rates(site: &Site, id: Option<&str>) -> Option<Point> {
    site.with_history(|history| {
        let points: Vec<Point> = history.points(id).copied().collect();
        let [.., before, now] = points[..] else { return None };
        let seconds = (now.ms.saturating_sub(before.ms)).max(1) as f64 / 1e3;
        let per_second = |now: f64, before: f64| (now - before).max(0.0) / seconds;
        Some(Point {
            cpu_s: now.cpu_s.zip(before.cpu_s).map(|(now, before)| per_second(now, before)),
            received: per_second(now.received, before.received),
            sent: per_second(now.sent, before.sent),
            read: per_second(now.read, before.read),
            written: per_second(now.written, before.written),
            calls: per_second(now.calls, before.calls),
            errors: per_second(now.errors, before.errors),
            ..now
        })
    })
}

pub(super) async fn by_name(request: Request) -> Answer {
    let name = request.rest.trim_matches('/').to_owned();
    if name.is_empty() {
        return Answer::redirect(&format!("{}/", request.site.prefix()));
    }
    let snapshot = request.site.snapshot();
    match own::find(&snapshot, &name) {
        Ok((id, live)) => detail(&request.site, id, live).await,
        Err(_) => gone(&request.site, &name),
    }
}

pub(super) async fn by_cgroup(request: Request) -> Answer {
    let path = format!("/{}", request.rest.trim_matches('/'));
    if path == "/" {
        return Answer::redirect(&format!("{}/", request.site.prefix()));
    }
    let snapshot = request.site.snapshot();
    match snapshot.live.iter().find(|(_, live)| live.known.cgroup == path) {
        Some((id, live)) => detail(&request.site, id, live).await,
        None => gone(&request.site, &path),
    }
}

fn gone(site: &Site, name: &str) -> Answer {
    let body = format!(
        "<p>No container <b>{}</b> is running. <a href=\"{}/\">All containers</a></p>",
        html(name),
        html(site.prefix())
    );
    page(site, "Not found", "none", &body).with_status(hyper::StatusCode::NOT_FOUND)
}

/// The page of one container.
async fn detail(site: &Site, id: &str, live: &Live) -> Answer {
    site.looked();
    let picture = site.picture(FRESH).await;
    let known = &live.known;
    let mut body = String::new();
    let _ = write!(body, "<p id=\"status\" role=\"status\">{}</p>", status(&site.snapshot()));
    let _ = write!(
        body,
        "<section id=\"charts\" data-id=\"{}\" aria-label=\"Charts of the last minutes\"></section>",
        html(id)
    );
    body.push_str("<div class=\"columns\">");
    facts(&mut body, known);
    usage(&mut body, &picture, id);
    body.push_str("</div><div class=\"columns\">");
    for (family, values) in metrics::sums(&live.counts) {
        if values.is_empty() {
            continue;
        }
        let title = family.trim_start_matches("tracer_container_").trim_end_matches("_total").replace('_', " ");
        let is_bytes = family.contains("_bytes");
        let _ = write!(body, "<table class=\"facts\"><caption>{}, since tracer began</caption><tbody>", html(&title));
        let mut values = values;
        values.sort_by(|a, b| b.1.total_cmp(&a.1));
        for (label, value) in values.iter().take(20) {
            let shown = if is_bytes { shown_bytes(*value) } else { format!("{value:.0}") };
            let label = if label.is_empty() { "all" } else { label };
            let _ = write!(body, "<tr><th scope=\"row\">{}</th><td class=\"n\">{shown}</td></tr>", html(label));
        }
        body.push_str("</tbody></table>");
    }
    body.push_str("</div>");
    processes(&mut body, &site.processes(&known.cgroup).await);
    latencies(&mut body, site, id, live);
    now(&mut body, site, id);
    page(site, known.title(), "container", &body)
}

/// What it does right now: asked for while a section is open. Without script, a link leads to the same as JSON.
fn now(body: &mut String, site: &Site, id: &str) {
    let sections = [
        ("Connections", "connections"),
        ("Top files", "files"),
        ("Slowest calls", "slow"),
        ("Errors", "errors"),
        ("Events", "events"),
    ];
    let (prefix, id) = (html(site.prefix()), html(id));
    for (title, kind) in sections {
        let path = match kind {
            "events" => format!("{prefix}/api/v1/events?container={id}"),
            kind => format!("{prefix}/api/v1/{kind}/{id}?seconds=2"),
        };
        let _ = write!(
            body,
            "<details data-kind=\"{kind}\" data-path=\"{path}\"><summary>{title}</summary><p class=\"about\">\
             <a href=\"{path}\">{title} as JSON</a></p><div class=\"scroll now\"></div></details>"
        );
    }
}

/// How long its calls take: a table without script, and a map over time with it.
fn latencies(body: &mut String, site: &Site, id: &str, live: &Live) {
    let classes = latency::by_class(&live.counts);
    let path = format!("{}/api/v1/latency/{}", html(site.prefix()), html(id));
    let _ = write!(
        body,
        "<details data-kind=\"latency\" data-path=\"{path}?stream=true\"><summary>Duration of calls</summary><p class=\"about\">\
         <a href=\"{path}\">Duration of calls as JSON</a>. Calls of these classes are timed, unless --metrics=basic counts less.</p>\
         <div class=\"scroll now\"><table><caption>Calls by duration, since tracer began</caption><thead><tr><th scope=\"col\">Duration</th>"
    );
    for class in classes.keys() {
        let _ = write!(body, "<th scope=\"col\" class=\"n\">{class}</th>");
    }
    body.push_str("</tr></thead><tbody>");
    for (at, range) in latency::names().iter().enumerate() {
        let _ = write!(body, "<tr><td>{}</td>", html(range));
        for count in classes.values().filter_map(|ranges| ranges.get(at)) {
            let _ = write!(body, "<td class=\"n\">{count:.0}</td>");
        }
        body.push_str("</tr>");
    }
    body.push_str("</tbody></table></div></details>");
}

/// The processes of a container.
fn processes(body: &mut String, all: &[Process]) {
    body.push_str("<div class=\"scroll\"><table><caption>Processes</caption><thead><tr>");
    for (title, is_number) in
        [("Name", false), ("PID", true), ("State", false), ("Threads", true), ("CPU time", true), ("Memory", true)]
    {
        let class = if is_number { " class=\"n\"" } else { "" };
        let _ = write!(body, "<th scope=\"col\"{class}>{title}</th>");
    }
    body.push_str("</tr></thead><tbody>");
    for it in all.iter().take(50) {
        let _ = write!(
            body,
            "<tr><th scope=\"row\">{}</th><td class=\"n\">{}</td><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{:.2} s</td>\
             <td class=\"n\">{}</td></tr>",
            html(&it.name),
            it.pid,
            it.state,
            it.threads,
            it.cpu_s,
            shown_bytes(it.resident as f64)
        );
    }
    body.push_str("</tbody></table></div>");
}

fn facts(body: &mut String, known: &Known) {
    body.push_str("<table class=\"facts\"><caption>Container</caption><tbody>");
    let own = known.facts.iter().map(|(name, value)| (name.replace('_', " "), value));
    let labels = known.labels.iter().map(|(name, value)| (format!("label {name}"), value));
    for (name, value) in own.chain([("cgroup".to_owned(), &known.cgroup)]).chain(labels) {
        let _ = write!(body, "<tr><th scope=\"row\">{}</th><td>{}</td></tr>", html(&name), html(value));
    }
    body.push_str("</tbody></table>");
}

fn usage(body: &mut String, picture: &Picture, id: &str) {
    let Some(measured) = picture.containers.get(id) else { return };
    let resources = &measured.resources;
    let bytes = |value: Option<u64>| value.map(|bytes| shown_bytes(bytes as f64));
    let count = |value: Option<u64>| value.map(|count| count.to_string());
    let seconds = |ns: Option<u64>| ns.map(|ns| format!("{:.2} s", ns as f64 / 1e9));
    let rows = [
        ("CPU time", seconds(resources.cpu.usage_ns)),
        ("CPU limit", resources.cpu.quota_cpus().map(|cpus| format!("{cpus:.2} CPUs"))),
        ("held back by the CPU limit", seconds(resources.cpu.throttled_ns)),
        ("memory", bytes(resources.memory.usage)),
        ("working set", bytes(resources.memory.working_set())),
        ("memory limit", bytes(measured.memory_limit)),
        ("most memory", bytes(resources.memory.peak)),
        ("swap", bytes(resources.memory.swap)),
        ("ended by the OOM killer", count(resources.memory.oom_kills)),
        ("processes", count(measured.processes)),
        ("threads", count(resources.pids.current)),
        ("waited for a CPU", seconds(resources.pressure.cpu.some_ns)),
        ("waited for memory", seconds(resources.pressure.memory.some_ns)),
        ("waited for I/O", seconds(resources.pressure.io.some_ns)),
    ];
    body.push_str("<table class=\"facts\"><caption>Now, from the kernel's files</caption><tbody>");
    for (name, value) in rows {
        if let Some(value) = value {
            let _ = write!(body, "<tr><th scope=\"row\">{name}</th><td class=\"n\">{value}</td></tr>");
        }
    }
    body.push_str("</tbody></table>");
}

/// What was seen and lost, in a line that is always in sight.
fn status(snapshot: &Snapshot) -> String {
    let lost: u64 = snapshot.lost.iter().map(|(_, count)| count).sum();
    let lost = if lost == 0 { "nothing lost".to_owned() } else { format!("<strong>{lost} events lost</strong>") };
    let engines = snapshot.silence.as_deref().map(|why| format!("; {}", html(why))).unwrap_or_default();
    let left_out = match snapshot.left_out {
        0 => String::new(),
        count => format!(" and {count} more that are not shown"),
    };
    format!("{} containers{left_out}, {lost}{engines}", snapshot.live.len())
}

fn page(site: &Site, title: &str, kind: &str, body: &str) -> Answer {
    let prefix = html(site.prefix());
    let title = html(title);
    let text = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title} – tracer</title>\
        <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><meta name=\"color-scheme\" content=\"light dark\">\
        <link rel=\"stylesheet\" href=\"{prefix}/static/style.css\"><link rel=\"icon\" href=\"data:,\">\
        <script src=\"{prefix}/static/chart.js\" defer></script><script src=\"{prefix}/static/app.js\" defer></script>\
        <script src=\"{prefix}/static/heat.js\" defer></script><script src=\"{prefix}/static/now.js\" defer></script></head>\
        <body data-page=\"{kind}\" data-prefix=\"{prefix}\"><header><a class=\"home\" href=\"{prefix}/\">tracer</a><h1>{title}</h1>\
        </header><main>{body}</main><footer><a href=\"{prefix}/metrics\">metrics</a> <a href=\"{prefix}/api/v1\">API</a></footer>\
        </body></html>"
    );
    Answer::new(HTML, text)
}

/// Bytes with a unit.
fn shown_bytes(bytes: f64) -> String {
    units::bytes(bytes)
}

/// A text that others have chosen, for a page: no control characters, and nothing that is a tag.
fn html(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in escape::escaped(text.as_bytes()).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_have_chosen_is_text() {
        assert_eq!(
            html("<script>alert('x')</script>&\""),
            "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&amp;&quot;"
        );
        assert!(!html("a\u{1b}[31m\u{202e}b").contains(['\u{1b}', '\u{202e}']));
    }

    #[test]
    fn the_page_loads_nothing_from_elsewhere() {
        for (name, _, text) in FILES {
            let is_namespace = |line: &&str| !line.contains("http://www.w3.org/2000/svg");
            assert!(
                !text.lines().filter(is_namespace).any(|line| line.contains("http:") || line.contains("https:")),
                "{name}"
            );
            assert!(!text.contains("innerHTML") && !text.contains("eval("), "{name}");
        }
    }
}
