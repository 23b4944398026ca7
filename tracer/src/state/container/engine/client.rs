//! One engine, followed for as long as the program runs: connect, subscribe, list, and again when it comes back.

use std::{
    rc::Rc,
    sync::atomic::Ordering,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use bollard::{Docker, models::SystemVersion};
use futures_util::StreamExt as _;
use tokio::{
    task::spawn_local,
    time::{sleep, timeout},
};

use super::{Answer, Client, Endpoint, Shared, docker, endpoint::EndpointError};

/// The pause before the second attempt; it doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// The longest pause between two attempts.
const LONGEST_PAUSE: Duration = Duration::from_secs(8);
/// How long an engine may take to say its version.
const VERSION_TIMEOUT: Duration = Duration::from_secs(2);
/// The pause between two inspections that nobody waits for.
const BACKGROUND_PAUSE: Duration = Duration::from_millis(20);
/// Events from so long before the subscription are asked for again: nothing is missed, and twice does no harm.
const OVERLAP_S: u64 = 2;

/// How a session ended.
enum End {
    /// There is nothing at any of the addresses.
    Absent,
    /// It did not get as far as a list.
    Failed { address: String, cause: String },
    /// The engine went away, after it had answered.
    Gone { address: String },
}

/// Follows an engine. `counted` says that it is in `hope` already.
pub(super) async fn follow(shared: Rc<Shared>, endpoint: Endpoint, counted: bool) {
    let mut hoped = counted;
    let mut noted = false;
    let mut pause = FIRST_PAUSE;
    loop {
        let end = session(&shared, &endpoint, &mut hoped).await;
        if hoped {
            shared.hope.fetch_sub(1, Ordering::Relaxed);
            hoped = false;
        }
        let note = match end {
            End::Absent => None,
            End::Failed { address, cause } => Some(format!(
                "container engine at '{address}' does not answer: {cause}\nhint: ids of its containers are shown, names come when it answers"
            )),
            End::Gone { address } => {
                pause = FIRST_PAUSE;
                Some(format!(
                    "container engine at '{address}' has gone\nhint: ids of new containers are shown, names come when it is back"
                ))
            }
        };
        if let Some(note) = note.filter(|_| !noted) {
            noted = true;
            shared.answer(Answer::Note(note));
        }
        sleep(pause).await;
        pause = LONGEST_PAUSE.min(pause * 2);
    }
}

/// From the connection to its end.
async fn session(shared: &Rc<Shared>, endpoint: &Endpoint, hoped: &mut bool) -> End {
    let mut failed = End::Absent;
    for address in endpoint.existing() {
        let address_text = address.to_string();
        let client = match address.connect() {
            Ok(docker) => greet(docker).await,
            Err(error) => Err(error),
        };
        match client {
            Ok((client, _)) => {
                if let Some(runtime) = endpoint.runtime.filter(|runtime| *runtime != client.runtime) {
                    shared.note_once(format!(
                        "container engine at '{address_text}' is {}, not {runtime}\nhint: its containers have names all the same",
                        client.runtime
                    ));
                }
                return attend(shared, client, address_text, hoped).await;
            }
            Err(error) => failed = End::Failed { address: address_text, cause: cause(&error) },
        }
    }
    match (failed, endpoint.asked_for) {
        (End::Absent, true) => {
            End::Failed { address: endpoint.label.clone(), cause: "there is no such socket".to_owned() }
        }
        (failed, _) => failed,
    }
}

/// Agrees on a version of the API and learns which engine it is.
pub(super) async fn greet(docker: Docker) -> Result<(Client, SystemVersion), EndpointError> {
    let late = |_| EndpointError::Engine(bollard::errors::Error::RequestTimeoutError);
    let docker = timeout(VERSION_TIMEOUT, docker.negotiate_version()).await.map_err(late)??;
    let version = timeout(VERSION_TIMEOUT, docker.version()).await.map_err(late)??;
    Ok((Client { runtime: docker::runtime(&version), docker }, version))
}

/// Takes the list of containers, and the events from before the list was made.
async fn attend(shared: &Rc<Shared>, client: Client, address: String, hoped: &mut bool) -> End {
    let now_s = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs());
    let options = docker::events(client.runtime, now_s.saturating_sub(OVERLAP_S)).build();
    let mut events = Box::pin(client.docker.events(Some(options)));
    let mut list = Box::pin(client.docker.list_containers(Some(docker::running())));
    let (mut listed, mut ended) = (None, false);
    while listed.is_none() && !ended {
        tokio::select! {
            biased;
            event = events.next() => match event {
                Some(Ok(event)) => handle(shared, &client, event),
                Some(Err(_)) | None => ended = true,
            },
            summaries = &mut list => listed = Some(summaries),
        }
    }
    let summaries = match listed {
        Some(Ok(summaries)) => summaries,
        Some(Err(error)) => return End::Failed { address, cause: cause(&error.into()) },
        None => return End::Failed { address, cause: "it sends no events".to_owned() },
    };
    let found: Vec<_> = summaries.into_iter().filter_map(|one| docker::listed(one, client.runtime)).collect();
    let ids: Vec<_> = found.iter().map(|metadata| metadata.full_id.clone()).collect();
    for metadata in found {
        shared.answer(Answer::Found(Box::new(metadata)));
    }
    let number = shared.join(client.clone(), &ids);
    if !*hoped {
        shared.hope.fetch_add(1, Ordering::Relaxed);
        *hoped = true;
    }
    let details = spawn_local(inspect_quietly(Rc::clone(shared), client.clone(), ids));
    while let Some(Ok(event)) = events.next().await {
        handle(shared, &client, event);
    }
    details.abort();
    shared.leave(number);
    End::Gone { address }
}

/// Passes an event on, and asks for what it does not say.
fn handle(shared: &Rc<Shared>, client: &Client, event: bollard::models::EventMessage) {
    let Some((answer, inspect)) = docker::happened(event, client.runtime) else { return };
    if let (Answer::Found(found), true) = (&answer, inspect) {
        let (shared, client, id) = (Rc::clone(shared), client.clone(), found.full_id.clone());
        spawn_local(async move {
            let Ok(_slot) = shared.slots.acquire().await else { return };
            // When it has ended by now, the event has told the name and the image.
            if let Some(found) = docker::inspect(&client, &id).await {
                shared.answer(Answer::Found(Box::new(found)));
            }
        });
    }
    shared.answer(answer);
}

/// Asks for what a list does not say, slowly: nobody waits for it.
async fn inspect_quietly(shared: Rc<Shared>, client: Client, ids: Vec<String>) {
    for id in ids {
        if let Some(found) = docker::inspect(&client, &id).await {
            shared.answer(Answer::Found(Box::new(found)));
        }
        sleep(BACKGROUND_PAUSE).await;
    }
}

/// The innermost cause: the outer ones only say that a request failed.
pub(super) fn cause(error: &EndpointError) -> String {
    let mut error: &dyn std::error::Error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}
