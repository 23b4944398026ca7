//! An engine asked once, for those who want to know whether it answers.

use tokio::task::LocalSet;

use super::{
    Address, Api,
    api::Teller,
    client::{self, Client},
};
use crate::state::container::Owner;

/// What an engine says when it is greeted.
#[derive(Debug, Clone)]
pub struct Greeting {
    /// What it is: `docker 20.10.24, API 1.41`.
    pub version: String,
    /// How many containers it lists, or why it does not.
    pub containers: Result<usize, String>,
    /// What it cannot do, if anything.
    pub lacks: Option<&'static str>,
}

/// Greets an engine and waits for its answer, so this is not for the event path.
///
/// # Errors
/// Nobody answers there; the text says why.
pub fn greet(api: Api, address: &Address, owner: Owner) -> Result<Greeting, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    let greeting = LocalSet::new().block_on(&runtime, async {
        let client = match Client::greet(api, address, owner).await {
            Ok(client) => client,
            Err(error) => {
                let cause = client::cause(&error);
                return Err(client::another(api, address, owner, &cause).await.unwrap_or(cause));
            }
        };
        let listed = client.engine.list(&Teller::silent(owner)).await;
        Ok(Greeting {
            version: client.engine.version().to_string(),
            containers: listed.map(|listed| listed.ids.len()).map_err(|error| client::cause(&error)),
            lacks: client.engine.lacks(),
        })
    });
    runtime.shutdown_background();
    greeting
}
