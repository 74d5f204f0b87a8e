//! The steps of a manifest, and the edges between them.

use std::time::Duration;

use super::{Check, as_path, list};
use crate::engine::MEMORY_CEILING;
use crate::manifest::{FromSteps, RetryOn, Step, StepGrants, StepLimits, StepRetry};
use crate::outbound::Outbound;
use crate::plan::{Edge, RetryPlan, StepPlan};
use crate::sandbox::Limits;

/// The longest deadline of a call.
const LONGEST_CALL: Duration = Duration::from_secs(24 * 60 * 60);

impl Check<'_> {
    pub(super) fn steps(&mut self) -> Vec<StepPlan> {
        let manifest = self.manifest;
        if manifest.step.is_empty() {
            self.reporter.at_byte(None, "there are no steps\nhint: add `[[step]]` with `id` and `component`");
        }
        let mut steps = Vec::new();
        for (index, step) in manifest.step.iter().enumerate() {
            let position = index.to_string();
            let at = |key: &'static str| ["step".to_owned(), position.clone(), key.to_owned()];
            let earlier = manifest.step.get(..index).unwrap_or_default();
            if earlier.iter().any(|other| other.id == step.id) {
                self.report(&at("id"), format!("there are two steps `{}`", step.id));
            }
            let component = self.component(&step.component, &as_path(&at("component")));
            let model = step.model.as_ref().and_then(|model| self.artifact(model, "model", &as_path(&at("model"))));
            let config = self.config(&step.config, &as_path(&at("config")));
            let limits = self.limits(&step.limits, &as_path(&at("limits")));
            let retry = self.retry(&step.retry, &as_path(&at("retry")));
            let from = self.from(step, earlier, &at("from"));
            let tables = self.step_tables(step, &at("tables"));
            if !step.grants.documents.is_empty() && manifest.documents.is_none() {
                self.report(
                    &at("grants"),
                    format!("step `{}` may write documents, but there is no document database\nhint: add `[documents]` with `url = \"sqlite:.wasmill/documents.db\"`", step.id),
                );
            }
            let outbound = self.outbound(&step.grants, &as_path(&at("grants")));
            let (Some(component), Some(config), Some(limits), Some(retry)) = (component, config, limits, retry) else {
                continue;
            };
            steps.push(StepPlan {
                id: step.id.clone(),
                component,
                from,
                tables,
                model,
                config,
                documents: step.grants.documents.clone(),
                settings: step.grants.settings.clone(),
                outbound,
                limits,
                concurrency: step.limits.concurrency,
                retry,
            });
        }
        steps
    }

    /// The edges into a step; of what is no step before it that was reported.
    fn from(&mut self, step: &Step, earlier: &[Step], at: &[String; 3]) -> Vec<Edge> {
        match &step.from {
            Some(from) => self.edges(&format!("step `{}`", step.id), from, earlier, at),
            None => earlier.len().checked_sub(1).map(|last| Edge { step: last, route: None }).into_iter().collect(),
        }
    }

    /// The edges from steps that are named.
    pub(super) fn edges(&mut self, what: &str, from: &FromSteps, earlier: &[Step], at: &[String; 3]) -> Vec<Edge> {
        if from.all().is_empty() {
            self.report(
                at,
                format!(
                    "{what} takes the rows of no step\nhint: remove `from`, and it takes those of the step before it"
                ),
            );
        }
        let mut edges = Vec::new();
        for name in from.all() {
            let (id, route) = match name.split_once('.') {
                Some((id, route)) => (id, Some(route.to_owned())),
                None => (name.as_str(), None),
            };
            let Some(before) = earlier.iter().position(|other| other.id.as_str() == id) else {
                let known = list(earlier.iter().map(|step| &step.id));
                self.report(at, format!("{what} takes the rows of `{id}`, which is no step before it\nhint: the steps before it are {known}"));
                continue;
            };
            let edge = Edge { step: before, route };
            if edges.contains(&edge) {
                self.report(at, format!("{what} takes the rows of `{name}` twice\nhint: remove one"));
            }
            edges.push(edge);
        }
        edges
    }

    fn outbound(&mut self, grants: &StepGrants, at: &[&str]) -> Outbound {
        let mut outbound = Outbound::default();
        for (index, origin) in grants.http.iter().enumerate() {
            if let Err(message) = outbound.grant(origin) {
                self.reporter.at(&[at, &["http", &index.to_string()]].concat(), message);
            }
        }
        for (index, network) in grants.networks.iter().enumerate() {
            if let Err(message) = outbound.grant_network(network) {
                self.reporter.at(&[at, &["networks", &index.to_string()]].concat(), message);
            }
        }
        if grants.http.is_empty() && !grants.networks.is_empty() {
            let message = "`networks` says which addresses names in `http` may lead to, and there are none\nhint: add `http = [\"https://HOST\"]`";
            self.reporter.at(&[at, &["networks"]].concat(), message);
        }
        outbound
    }

    fn step_tables(&mut self, step: &Step, at: &[String; 3]) -> Vec<usize> {
        let mut tables = Vec::new();
        for name in &step.tables {
            match self.manifest.tables.keys().position(|known| known == name) {
                Some(index) => tables.push(index),
                None => {
                    let known = list(self.manifest.tables.keys());
                    self.report(at, format!("step `{}`: there is no table `{name}`\nhint: the tables are {known}; add `[tables.{name}]`", step.id));
                }
            }
        }
        tables
    }

    fn retry(&mut self, retry: &StepRetry, at: &[&str]) -> Option<RetryPlan> {
        let StepRetry { attempts, backoff_seconds, longest_seconds, on } = retry;
        let mut time = |key: &str, value: f64| {
            let time = Duration::try_from_secs_f64(value).ok();
            if time.is_none() {
                self.reporter.at(&[at, &[key]].concat(), format!("{key} is {value}, not a number of seconds"));
            }
            time
        };
        let (backoff, longest) = (time("backoff_seconds", *backoff_seconds), time("longest_seconds", *longest_seconds));
        if *attempts == 0 {
            let message = "attempts is 0, and the first call is one\nhint: with 1 no call is made again";
            self.reporter.at(&[at, &["attempts"]].concat(), message);
        }
        Some(RetryPlan {
            attempts: *attempts,
            backoff: backoff?,
            longest: longest?,
            on_retry: on.contains(&RetryOn::Retry),
            on_fault: on.contains(&RetryOn::Fault),
        })
    }

    pub(super) fn limits(&mut self, limits: &StepLimits, at: &[&str]) -> Option<Limits> {
        let most = MEMORY_CEILING >> 20;
        let memory = usize::try_from(limits.memory_mib).ok().filter(|mib| (1..=most).contains(mib));
        if memory.is_none() {
            self.reporter.at(
                &[at, &["memory_mib"]].concat(),
                format!("memory_mib is {}, not from 1 to {most}", limits.memory_mib),
            );
        }
        let deadline = Duration::try_from_secs_f64(limits.deadline_seconds)
            .ok()
            .filter(|deadline| !deadline.is_zero() && *deadline <= LONGEST_CALL);
        if deadline.is_none() {
            self.reporter.at(
                &[at, &["deadline_seconds"]].concat(),
                format!(
                    "deadline_seconds is {}, not a number of seconds above 0, and at most a day",
                    limits.deadline_seconds
                ),
            );
        }
        Some(Limits { memory: memory? << 20, deadline: deadline? })
    }
}
