//! A server for tests of targets: it takes nothing that is not exactly as its protocol says, and can be killed and started again on its port.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
};

use tracer_tests::wait;

use super::collector::Taken;

/// Reads what comes over a connection until its end, and answers.
///
/// # Errors
/// What comes is wrong.
pub type Attend = fn(&mut dyn BufRead, &mut dyn Write, &Shared) -> Result<(), String>;

/// What a server knows.
#[derive(Default)]
pub struct Shared {
    taken: Mutex<Vec<Taken>>,
    wrong: Mutex<Vec<String>>,
    /// How many requests or batches there were.
    count: Mutex<usize>,
    connections: Mutex<Vec<TcpStream>>,
    over: AtomicBool,
}

impl Shared {
    /// Takes lines.
    pub fn take(&self, lines: impl IntoIterator<Item = Taken>) {
        // What is killed takes nothing more.
        if !self.over.load(Ordering::Relaxed) {
            self.taken.lock().unwrap().extend(lines);
        }
    }

    /// Takes lines that it does not have.
    pub fn take_new(&self, lines: Vec<Taken>) {
        let known = self.taken.lock().unwrap().clone();
        self.take(lines.into_iter().filter(|line| !known.contains(line)));
    }

    /// The number of this request, from 0.
    pub fn number(&self) -> usize {
        let mut count = self.count.lock().unwrap();
        *count += 1;
        *count - 1
    }

    fn attend(&self, attend: Attend, reader: impl Read, mut writer: impl Write) {
        if let Err(why) = attend(&mut BufReader::new(reader), &mut writer, self)
            && !self.over.load(Ordering::Relaxed)
        {
            self.wrong.lock().unwrap().push(why);
        }
    }
}

/// A server.
pub struct Receiver {
    pub port: u16,
    attend: Attend,
    shared: Arc<Shared>,
    listening: Option<JoinHandle<()>>,
}

impl Receiver {
    /// One that listens.
    pub fn start(attend: Attend) -> Self {
        let mut this = Self { port: 0, attend, shared: Arc::default(), listening: None };
        this.start_again();
        this
    }

    /// One for a connection that something else has accepted.
    pub fn over(attend: Attend, reader: impl Read + Send + 'static, writer: impl Write + Send + 'static) -> Self {
        let shared: Arc<Shared> = Arc::default();
        let own = Arc::clone(&shared);
        let listening = Some(thread::spawn(move || own.attend(attend, reader, writer)));
        Self { port: 0, attend, shared, listening }
    }

    /// Listens again on the same port.
    pub fn start_again(&mut self) {
        let listener = wait::until("a port", || TcpListener::bind(("127.0.0.1", self.port)).ok());
        self.port = listener.local_addr().unwrap().port();
        self.shared.over.store(false, Ordering::Relaxed);
        let (shared, attend) = (Arc::clone(&self.shared), self.attend);
        self.listening = Some(thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if shared.over.load(Ordering::Relaxed) {
                    return;
                }
                shared.connections.lock().unwrap().push(stream.try_clone().unwrap());
                shared.attend(attend, stream.try_clone().unwrap(), stream);
            }
        }));
    }

    /// Ends at once, with what it has not read.
    pub fn kill(&mut self) {
        self.shared.over.store(true, Ordering::Relaxed);
        wait::until("the end of the server", || {
            // It waits for a connection, or for what comes over one.
            self.shared.connections.lock().unwrap().drain(..).for_each(|stream| _ = stream.shutdown(Shutdown::Both));
            let _ = TcpStream::connect(("127.0.0.1", self.port));
            self.listening.as_ref().is_none_or(JoinHandle::is_finished).then_some(())
        });
        let _ = self.listening.take().map(JoinHandle::join);
    }

    /// How many requests or batches there were.
    pub fn count(&self) -> usize {
        *self.shared.count.lock().unwrap()
    }

    /// What it has taken.
    ///
    /// # Panics
    /// If something was wrong.
    #[track_caller]
    pub fn taken(&self) -> Vec<Taken> {
        let wrong = self.shared.wrong.lock().unwrap();
        assert!(wrong.is_empty(), "{wrong:?}");
        self.shared.taken.lock().unwrap().clone()
    }
}

/// A request.
pub struct Request {
    /// Such as `POST /path HTTP/1.1`.
    pub first: String,
    /// Headers by name, in lower case.
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

/// Answers requests: `answer` says status and body; without them the connection ends.
pub fn http(
    reader: &mut dyn BufRead,
    writer: &mut dyn Write,
    answer: impl Fn(&Request) -> Result<Option<(u16, String)>, String>,
) -> Result<(), String> {
    loop {
        let mut line = || {
            let mut line = String::new();
            reader.read_line(&mut line).map_err(|error| error.to_string())?;
            Ok::<String, String>(line)
        };
        let first = line()?;
        if first.is_empty() {
            return Ok(());
        }
        let mut headers = BTreeMap::new();
        loop {
            let line = line()?;
            let line = line.strip_suffix("\r\n").ok_or("a head without end")?;
            if line.is_empty() {
                break;
            }
            let (name, value) = line.split_once(": ").ok_or("a wrong header")?;
            headers.insert(name.to_ascii_lowercase(), value.to_owned());
        }
        let length = headers.get("content-length").and_then(|text| text.parse().ok()).ok_or("no length")?;
        let mut body = vec![0; length];
        reader.read_exact(&mut body).map_err(|error| error.to_string())?;
        let request = Request { first: first.trim_end().to_owned(), headers, body };
        let Some((status, said)) = answer(&request)? else { return Ok(()) };
        let head = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\nretry-after: 0\r\n\r\n{said}", said.len());
        if writer.write_all(head.as_bytes()).and_then(|()| writer.flush()).is_err() {
            return Ok(());
        }
    }
}
