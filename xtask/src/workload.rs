//! Makes a known number of system calls, for the benchmark and for the smoke test on other kernels.
//!
//! Prints what it did, so that whoever counts can compare.

use std::{
    env,
    fs::File,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{Ipv4Addr, TcpListener, TcpStream},
    path::PathBuf,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};

use crate::sys;

/// Which calls, and how many.
#[derive(clap::Args, Debug)]
pub(crate) struct Options {
    #[command(subcommand)]
    kind: Kind,
}

#[derive(clap::Subcommand, Debug)]
enum Kind {
    /// Open, read 16 bytes from and close a file, COUNT times
    Files {
        count: u32,
        #[arg(default_value = "/proc/self/cmdline")]
        path: PathBuf,
    },
    /// Start and wait for a program, COUNT times
    Spawns {
        count: u32,
        #[arg(default_value = "/bin/true")]
        program: PathBuf,
    },
    /// Send a request to another process over TCP on 127.0.0.1 and wait for its reply, COUNT times
    Request { count: u32 },
    /// The other process: prints its port, and replies to COUNT requests
    #[command(hide = true)]
    Reply { count: u32 },
    /// Make a call that nothing else makes (`sched_rr_get_interval`), COUNT times
    Rare { count: u32 },
    /// Keep a processor busy for SECONDS
    Hog {
        seconds: u32,
        /// As a real-time thread of this priority
        #[arg(long)]
        real_time: Option<i32>,
    },
    /// Read 1 byte from /dev/zero, RATE times a second, for SECONDS
    Paced { rate: u32, seconds: u32 },
}

/// `cargo xtask workload`.
pub(crate) fn task(options: &Options) -> Result<()> {
    let start = Instant::now();
    match &options.kind {
        Kind::Files { count, path } => {
            for _ in 0..*count {
                let mut buffer = [0; 16];
                let mut file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
                let _ = file.read(&mut buffer).with_context(|| format!("cannot read {}", path.display()))?;
            }
            println!("{count} opens, {count} reads, {count} closes in {:?}", start.elapsed());
        }
        Kind::Spawns { count, program } => {
            for _ in 0..*count {
                let mut command = Command::new(program);
                let command = command.stdin(Stdio::null()).stdout(Stdio::null());
                command.status().with_context(|| format!("cannot run {}", program.display()))?;
            }
            println!("{count} spawns in {:?}", start.elapsed());
        }
        Kind::Rare { count } => {
            (0..*count).for_each(|_| sys::rare_call());
            println!("{count} calls in {:?}", start.elapsed());
        }
        Kind::Hog { seconds, real_time } => {
            real_time.map_or(Ok(()), sys::real_time).context("cannot become a real-time thread")?;
            while start.elapsed() < Duration::from_secs((*seconds).into()) {}
        }
        Kind::Request { count } => request(*count)?,
        Kind::Reply { count } => reply(*count)?,
        Kind::Paced { rate, seconds } => paced(*rate, *seconds)?,
    }
    Ok(())
}

/// Bytes of a request, and of a reply.
const MESSAGE: usize = 64;

/// A round trip is four calls: each of the two processes sends once and receives once.
fn request(count: u32) -> Result<()> {
    let mut command = Command::new(env::current_exe().context("cannot find this program")?);
    let command = command.args(["workload", "reply", &count.to_string()]).stdin(Stdio::null()).stdout(Stdio::piped());
    let mut other = command.spawn().context("cannot start the process that replies")?;
    let mut port = String::new();
    BufReader::new(other.stdout.take().context("no output")?).read_line(&mut port)?;
    let port = port.trim().parse::<u16>().context("the process that replies does not say its port")?;
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).context("cannot connect")?;
    stream.set_nodelay(true)?;
    let mut message = [b'x'; MESSAGE];
    let start = Instant::now();
    for _ in 0..count {
        stream.write_all(&message).context("cannot send a request")?;
        stream.read_exact(&mut message).context("no reply")?;
    }
    println!("{count} requests, {count} replies of {MESSAGE} bytes in {:?}", start.elapsed());
    let status = other.wait().context("cannot wait for the process that replies")?;
    anyhow::ensure!(status.success(), "the process that replies failed: {status}");
    Ok(())
}

fn reply(count: u32) -> Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("cannot listen on 127.0.0.1")?;
    println!("{}", listener.local_addr()?.port());
    let (mut stream, _) = listener.accept().context("nobody connects")?;
    stream.set_nodelay(true)?;
    let mut message = [0; MESSAGE];
    for _ in 0..count {
        stream.read_exact(&mut message).context("no request")?;
        stream.write_all(&message).context("cannot send a reply")?;
    }
    Ok(())
}

/// Reads in batches of a millisecond, so that the rate holds without a clock call for each.
fn paced(rate: u32, seconds: u32) -> Result<()> {
    let mut zero = File::open("/dev/zero").context("cannot open /dev/zero")?;
    let batch = (rate / 1000).max(1);
    let pause = Duration::from_secs_f64(f64::from(batch) / f64::from(rate.max(1)));
    let start = Instant::now();
    let end = start + Duration::from_secs(seconds.into());
    let (mut next, mut done) = (start, 0_u64);
    while next < end {
        let mut byte = [0; 1];
        for _ in 0..batch {
            zero.read_exact(&mut byte).context("cannot read /dev/zero")?;
        }
        done += u64::from(batch);
        next += pause;
        // A batch that is late starts at once: the total stays, and the rate is made up for.
        thread::sleep(next.saturating_duration_since(Instant::now()));
    }
    println!("{done} reads in {:?}", start.elapsed());
    Ok(())
}
