//! The one who asks: for one answer, or for all that come within a time.

use std::cell::RefCell;
use std::time::Duration;

use anyhow::Result;
use async_nats::{Client, Message, Request, RequestErrorKind, StatusCode};
use futures_util::StreamExt;
use history::{Event, Log, Verb};
use tokio::time::timeout;

use crate::PATIENCE;

/// The orders service.
pub struct Orders<'a> {
    pub client: Client,
    pub log: &'a RefCell<Log>,
}

impl Orders<'_> {
    /// Asks payments to charge an order. Whether there was an answer.
    pub async fn ask(&self, subject: &str, order: u32, patience: Duration) -> Result<bool> {
        let sent = Event::new("orders", Verb::Sent, order).text("payment.charge");
        self.log.borrow_mut().event(sent);
        // ANCHOR: ask
        let body = format!("o-{order}").into();
        let request = Request::new().payload(body).timeout(Some(patience));
        let answer = self.client.send_request(subject.to_owned(), request).await;
        let failed = match answer {
            Ok(answer) => {
                let answer = String::from_utf8_lossy(&answer.payload);
                self.says(&format!("hears `{answer}`"));
                return Ok(true);
            }
            // The server itself says so, at once.
            Err(error) if error.kind() == RequestErrorKind::NoResponders => "nobody serves",
            // Nobody says anything. The charge is made, or will be made, or never.
            Err(error) if error.kind() == RequestErrorKind::TimedOut => "no answer in time",
            Err(error) => return Err(error.into()),
        };
        // ANCHOR_END: ask
        let failed = Event::new("orders", Verb::Failed, order).text(failed);
        self.log.borrow_mut().event(failed);
        Ok(false)
    }

    // ANCHOR: gather
    /// Asks all who listen, and takes what comes within the time that we have.
    pub async fn gather(&self, subject: String, body: &'static str) -> Result<Vec<Message>> {
        let inbox = self.client.new_inbox();
        // On one connection, the server takes this before the question. No answer comes too early.
        let mut replies = self.client.subscribe(inbox.clone()).await?;
        let asked = self.client.publish_with_reply(subject, inbox, body.into());
        asked.await?;
        let mut answers = Vec::new();
        // Nobody knows how many will answer, so the time ends it.
        let all = async {
            while let Some(answer) = replies.next().await {
                if answer.status == Some(StatusCode::NO_RESPONDERS) {
                    break;
                }
                answers.push(answer);
            }
        };
        let _ = timeout(PATIENCE, all).await;
        Ok(answers)
    }
    // ANCHOR_END: gather

    pub fn says(&self, text: &str) {
        self.log.borrow_mut().remark("orders", text);
    }
}
