//! Places for what pages start. There are a few; whoever has one can be stopped by its number, and all
//! are stopped when the server ends.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::http::StatusCode;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::refusal::Refusal;

/// The places for one kind of work.
pub struct Places {
    all: u32,
    free: Arc<Semaphore>,
    /// The sentence for a page that finds none.
    full: &'static str,
    going: Mutex<Going>,
}

/// What has not ended.
#[derive(Default)]
struct Going {
    last: u64,
    stops: HashMap<u64, oneshot::Sender<()>>,
    is_closed: bool,
}

/// A place that is taken until this is dropped.
pub struct Place {
    /// The number by which it is stopped.
    pub id: u64,
    places: Arc<Places>,
    _taken: OwnedSemaphorePermit,
}

impl Places {
    /// So many places; `full` is the sentence for a page that finds none.
    pub fn new(all: u32, full: &'static str) -> Arc<Places> {
        Arc::new(Places {
            all,
            free: Arc::new(Semaphore::new(all as usize)),
            full,
            going: Mutex::default(),
        })
    }

    fn with<T>(&self, change: impl FnOnce(&mut Going) -> T) -> T {
        change(&mut self.going.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes a place. What has it ends when the receiver does, with a word or without.
    ///
    /// # Errors
    /// When there is none, or the server is ending.
    pub fn take(self: &Arc<Places>) -> Result<(Place, oneshot::Receiver<()>), Refusal> {
        let none = |_| Refusal::new(StatusCode::TOO_MANY_REQUESTS, self.full);
        let taken = self.free.clone().try_acquire_owned().map_err(none)?;
        let (stopper, stop) = oneshot::channel();
        let id = self.with(|going| {
            if going.is_closed {
                let ending = "The server is ending; start it again.";
                return Err(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, ending));
            }
            going.last += 1;
            going.stops.insert(going.last, stopper);
            Ok(going.last)
        })?;
        let place = Place {
            id,
            places: self.clone(),
            _taken: taken,
        };
        Ok((place, stop))
    }

    /// Asks what has this number to end. False where nothing has it any more.
    pub fn stop(&self, id: u64) -> bool {
        let stop = self.with(|going| going.stops.remove(&id));
        stop.is_some_and(|stop| stop.send(()).is_ok())
    }

    /// Whether something goes on.
    pub fn is_busy(&self) -> bool {
        self.free.available_permits() < self.all as usize
    }

    /// Stops all that goes on, lets nothing else begin, and returns when all has ended.
    pub async fn close(&self) {
        self.with(|going| {
            going.is_closed = true;
            // What loses its stop is stopped.
            going.stops.clear();
        });
        // Given back at once: nothing takes them any more.
        let _ = self.free.acquire_many(self.all).await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.with(|going| going.stops.remove(&self.id));
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[tokio::test]
    async fn a_place_is_free_again_when_its_owner_has_gone() {
        let places = Places::new(1, "There is none.");
        let (first, _stop) = places.take().ok().unwrap();
        assert!(places.take().is_err());
        drop(first);
        assert!(!places.is_busy());
        assert!(places.take().is_ok());
    }

    #[tokio::test]
    async fn a_number_stops_its_own_work_once() {
        let places = Places::new(2, "There is none.");
        let (first, stop) = places.take().ok().unwrap();
        let (_second, mut other) = places.take().ok().unwrap();
        assert!(places.stop(first.id));
        stop.await.unwrap();
        assert!(!places.stop(first.id));
        assert!(other.try_recv().is_err());
    }

    #[tokio::test]
    async fn the_end_stops_all_and_lets_nothing_begin() {
        let places = Places::new(2, "There is none.");
        let (place, stop) = places.take().ok().unwrap();
        let work = tokio::spawn(async move {
            stop.await.unwrap_err();
            drop(place);
        });
        places.close().await;
        work.await.unwrap();
        assert!(places.take().is_err());
        assert!(!places.is_busy());
    }
}
