//! The user's answers to the plugins' questions, so that a replay does not ask again.

use crate::record::file::Answer;
use pintle_plugin::host::HostServices;
use pintle_plugin::message::{ErrorReply, ServiceReply, ServiceRequest};
use std::sync::{Mutex, PoisonError};

/// The answers of one command.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    /// Answers from an earlier run that no question has used yet.
    known: Mutex<Vec<Answer>>,
    /// The answers of this run.
    given: Mutex<Vec<Answer>>,
}

impl Answers {
    /// Returns answers that are known before the user is asked.
    pub(crate) fn known(answers: &[Answer]) -> Self {
        Self { known: Mutex::new(answers.to_vec()), given: Mutex::default() }
    }

    /// Returns the answers of this run, in the order of the questions.
    pub(crate) fn into_given(self) -> Vec<Answer> {
        self.given.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers a request of a plugin: from the known answers, otherwise with `services`.
    pub(crate) fn request(
        &self,
        request: ServiceRequest,
        services: &dyn HostServices,
    ) -> Result<ServiceReply, ErrorReply> {
        // A secret must not be stored in a file under version control.
        let question = match &request {
            ServiceRequest::Prompt(prompt) if !prompt.secret => prompt.question.clone(),
            _ => return services.request(request),
        };
        let reply = match self.take(&question) {
            Some(answer) => {
                let mut reply = ServiceReply::default();
                reply.answer = Some(answer);
                reply
            }
            None => services.request(request)?,
        };
        if let Some(answer) = reply.answer.clone() {
            lock(&self.given).push(Answer { question, answer });
        }
        Ok(reply)
    }

    fn take(&self, question: &str) -> Option<String> {
        let mut known = lock(&self.known);
        let place = known.iter().position(|it| it.question == question)?;
        Some(known.remove(place).answer)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
