use std::ops::ControlFlow;
use tracer::source::{Source, Drained, live::{Live, Options, plan::Wanted, boot_to_epoch_ns}};
use tracer::event::decode;
fn main() -> anyhow::Result<()> {
    let t = std::time::Instant::now();
    let opts = Options { snaplen: 80, cpu_time: true, containers: true, ..Options::default() };
    let mut live = match Live::start(&opts, &Wanted { row: &|_| true, state: true }) { Ok(l) => l, Err(e) => { println!("{e}"); return Ok(()) } };
    println!("start {:?} missing {:?}", t.elapsed(), live.missing());
    for (n, v) in live.verified_instructions() { println!("{n} {v}"); }
    let end = std::time::Instant::now() + std::time::Duration::from_secs(std::env::args().nth(1).and_then(|a| a.parse().ok()).unwrap_or(2));
    let only = std::env::args().nth(2);
    let mut num = 0; let off = boot_to_epoch_ns();
    while std::time::Instant::now() < end {
        let mut f = |rec: &[u8]| { num += 1;
            match decode::live(rec, num, off) { Ok(e) => {
                if only.as_deref().is_none_or(|o| e.name() == o) {
                print!("{} {} {}/{} {} ", num, e.cpu, e.tgid, e.tid, e.name());
                for (i, p) in e.row.params.iter().enumerate() { print!("{}={:?} ", p.name, match e.params.value(i) { tracer::event::ParamValue::Text(t)|tracer::event::ParamValue::List(t) => format!("{:?}", String::from_utf8_lossy(t)), v => format!("{v:?}") }); }
                println!(); } }
              Err(e) => println!("ERR {e}") }
            ControlFlow::Continue(()) };
        let n = match live.drain(&mut f)? { Drained::Records(n) => n, Drained::End => break };
        live.wait(n, std::time::Duration::from_millis(50));
    }
    println!("total {num} losses {:?}", live.losses());
    Ok(())
}
