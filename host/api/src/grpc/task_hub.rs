//! `TaskHubSidecarService`: by which the workflow clients of Dapr start, watch and drive workflows.
//!
//! Extracts, calls, converts; knows nothing of turns. What workers send is refused: plugins run inside the host.

use std::future::Future;

use host_base::{Payload, Timestamp, WorkflowKey};
use host_runtime::records::{BatchDeed, BatchPurge, BatchStage, Status as Stage};
use host_runtime::{
    BatchView, ControlError, IdReuse, Moment, Rerun, Selection, Start, StoreError, WorkflowFilter,
    WorkflowView,
};
use tonic::codegen::BoxStream;
use tonic::{Request, Response, Status};

use super::history::Narrator;
use super::messages::{self, *};
use super::state::{self, Payloads};
use super::status::{
    nobody, of_control, of_failure, of_raised, of_reach, of_rerun, of_start, of_store, unknown,
};
use crate::{Api, Shared};

/// The service and its server.
#[expect(
    clippy::allow_attributes_without_reason,
    unreachable_pub,
    reason = "it is made by code that is not ours"
)]
pub(super) mod service {
    use super::messages::*;

    include!(concat!(env!("OUT_DIR"), "/.TaskHubSidecarService.rs"));
}

use service::task_hub_sidecar_service_server::TaskHubSidecarService;

/// Instances or events that are read at once, and the most ids of one page.
const PAGE: usize = 1_000;

/// The service.
pub(super) struct Calls(pub(super) Shared);

/// The same for one caller.
struct TaskHub(Api);

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl TaskHubSidecarService for Calls {
    async fn hello(&self, _: Request<Empty>) -> Answer<Empty> {
        Ok(Response::new(()))
    }

    async fn start_instance(&self, request: Request<StartRequest>) -> Answer<StartResponse> {
        let of = self.of(&request)?;
        of.start(request.into_inner()).await.map(Response::new)
    }

    async fn get_instance(&self, request: Request<GetRequest>) -> Answer<GetResponse> {
        let of = self.of(&request)?;
        let request = request.into_inner();
        let key = of.key(request.instance_id)?;
        let view = of.0.runtime.workflow(&key);
        of.found(view, request.with_payloads)
    }

    async fn wait_for_instance_start(&self, request: Request<GetRequest>) -> Answer<GetResponse> {
        let of = self.of(&request)?;
        let request = request.into_inner();
        let key = of.key(request.instance_id)?;
        let begun = of.waited_for(of.0.runtime.wait_for_start(&key)).await?;
        of.found(begun, request.with_payloads)
    }

    async fn wait_for_instance_completion(
        &self,
        request: Request<GetRequest>,
    ) -> Answer<GetResponse> {
        let of = self.of(&request)?;
        let request = request.into_inner();
        let key = of.key(request.instance_id)?;
        let ended = of.waited_for(of.0.runtime.wait_for_end(&key)).await?;
        of.found(ended, request.with_payloads)
    }

    async fn raise_event(&self, request: Request<RaiseRequest>) -> Answer<Empty> {
        let of = self.of(&request)?;
        let RaiseRequest {
            instance_id,
            name,
            input,
        } = request.into_inner();
        let key = of.key(instance_id)?;
        let raised = of.0.runtime.raise_event(&key, &name, payload(input));
        of_raised(&key, raised.await, unknown).map(Response::new)
    }

    async fn terminate_instance(&self, request: Request<TerminateRequest>) -> Answer<Empty> {
        let of = self.of(&request)?;
        let request = request.into_inner();
        let key = of.key(request.instance_id)?;
        let output = request.output.unwrap_or_default();
        let ended = of.0.runtime.terminate_workflow(&key, &output);
        of_control(ended.await).map(Response::new)
    }

    async fn suspend_instance(&self, request: Request<SuspendRequest>) -> Answer<Empty> {
        let of = self.of(&request)?;
        let request = request.into_inner();
        let key = of.key(request.instance_id)?;
        let reason = request.reason.unwrap_or_default();
        let held = of.0.runtime.suspend_workflow(&key, &reason);
        of_control(held.await).map(Response::new)
    }

    async fn resume_instance(&self, request: Request<ResumeRequest>) -> Answer<Empty> {
        let of = self.of(&request)?;
        let key = of.key(request.into_inner().instance_id)?;
        let resumed = of.0.runtime.resume_workflow(&key);
        of_control(resumed.await).map(Response::new)
    }

    async fn purge_instances(&self, request: Request<PurgeRequest>) -> Answer<PurgeResponse> {
        let of = self.of(&request)?;
        let PurgeRequest { which, force } = request.into_inner();
        let force = force.unwrap_or_default();
        let purged = match which {
            Some(Purge::InstanceId(id)) => {
                let mut tally = Tally::default();
                let key = of.key(id)?;
                tally.add(of.0.runtime.purge_workflow(&key, force).await)?;
                tally
            }
            Some(Purge::Filter(filter)) => of.purge_all(&filter, force).await?,
            None => return Err(Status::invalid_argument("it does not say what to purge")),
        };
        Ok(Response::new(purged.response()))
    }

    async fn rerun_workflow_from_event(
        &self,
        request: Request<RerunRequest>,
    ) -> Answer<RerunResponse> {
        let of = self.of(&request)?;
        of.rerun(request.into_inner()).await.map(Response::new)
    }

    async fn list_instance_ids(&self, request: Request<ListRequest>) -> Answer<ListResponse> {
        let of = self.of(&request)?;
        of.list(&request.into_inner()).map(Response::new)
    }

    async fn get_instance_history(
        &self,
        request: Request<HistoryRequest>,
    ) -> Answer<HistoryResponse> {
        let of = self.of(&request)?;
        of.history(request.into_inner()).map(Response::new)
    }

    async fn complete_orchestrator_task(&self, _: Request<Empty>) -> Answer<Empty> {
        Err(no_workers())
    }

    async fn complete_workflow_task(&self, _: Request<Empty>) -> Answer<Empty> {
        Err(no_workers())
    }

    async fn complete_activity_task(&self, _: Request<Empty>) -> Answer<Empty> {
        Err(no_workers())
    }

    type GetWorkItemsStream = BoxStream<Empty>;

    async fn get_work_items(&self, _: Request<Empty>) -> Answer<BoxStream<Empty>> {
        Err(no_workers())
    }
}

impl Calls {
    fn of<T>(&self, request: &Request<T>) -> Result<TaskHub, Status> {
        let api = self.0.of(request.extensions());
        api.map(TaskHub).ok_or_else(nobody)
    }
}

impl TaskHub {
    fn key(&self, id: String) -> Result<WorkflowKey, Status> {
        let key = self.0.workflow_key(id);
        key.map_err(|error| of_reach(error, unknown))
    }

    async fn start(&self, request: StartRequest) -> Result<StartResponse, Status> {
        let StartRequest {
            instance_id,
            name,
            input,
            start_at,
            tags,
            enforce_unique_id,
        } = request;
        let may = self.0.check_workflow_name(&name);
        may.map_err(|error| of_reach(error, unknown))?;
        let start_at = start_at.as_ref().map(|at| Timestamp(state::millis(at)));
        let (runtime, tenant) = (&self.0.runtime, self.0.tenant());
        let start = Start {
            name,
            id: Some(instance_id).filter(|id| !id.is_empty()),
            input: payload(input),
            attributes: state::attributes(tags),
            at: start_at.map(Moment::At),
            id_reuse: match enforce_unique_id {
                true => IdReuse::Never,
                false => IdReuse::Ended,
            },
        };
        let started = runtime.start_workflow_with(tenant, start).await;
        let view = started.map_err(|error| of_start(&error))?;
        Ok(StartResponse {
            instance_id: view.key.id,
        })
    }

    /// What is waited for, or else that the host is to stop: its client asks again, then.
    async fn waited_for<T>(&self, waiting: impl Future<Output = T>) -> Result<T, Status> {
        tokio::select! {
            waited = waiting => Ok(waited),
            () = self.0.stopping() => Err(Status::unavailable("the host stops; ask again when it is back")),
        }
    }

    fn found(
        &self,
        view: Result<Option<WorkflowView>, StoreError>,
        with_payloads: bool,
    ) -> Answer<GetResponse> {
        let view = view.map_err(of_store)?;
        let Some(view) = view else {
            return Ok(Response::new(GetResponse::default()));
        };
        let payloads = with_payloads.then(|| self.payloads(&view)).transpose()?;
        Ok(Response::new(GetResponse {
            exists: true,
            state: Some(state::of(&view, payloads)),
        }))
    }

    fn payloads(&self, view: &WorkflowView) -> Result<Payloads, Status> {
        let runtime = &self.0.runtime;
        Ok(Payloads {
            input: runtime.workflow_input(view).map_err(of_store)?,
            termination: runtime.termination_reason(view).map_err(of_store)?,
        })
    }

    /// Purges all that fit. What is broken off goes on by itself.
    async fn purge_all(&self, filter: &PurgeFilter, force: bool) -> Result<Tally, Status> {
        let may = self.0.check_all_workflows();
        may.map_err(|error| of_reach(error, unknown))?;
        let mut tally = Tally::default();
        for status in stages(&filter.statuses)? {
            let selection = selection(filter, status);
            let deed = BatchDeed::Purge(BatchPurge { force });
            let (runtime, tenant) = (&self.0.runtime, self.0.tenant());
            let begun = runtime.start_batch(tenant, deed, &selection, None).await;
            let id = begun.map_err(|failure| of_failure(&failure))?.id;
            let ended = self.waited_for(runtime.wait_for_batch(tenant, &id)).await?;
            tally.add_all(ended.map_err(of_store)?);
        }
        Ok(tally)
    }

    /// A page of what stands there; none where there is nothing more.
    fn page(
        &self,
        status: Option<Stage>,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Option<Vec<WorkflowView>>, Status> {
        let filter = WorkflowFilter { status, name: None };
        let (runtime, tenant) = (&self.0.runtime, self.0.tenant());
        let page = runtime.workflows(tenant, &filter, after, limit);
        let page = page.map_err(of_store)?;
        Ok(Some(page).filter(|page| !page.is_empty()))
    }

    async fn rerun(&self, request: RerunRequest) -> Result<RerunResponse, Status> {
        let RerunRequest {
            source_id,
            event_id,
            new_id,
            input,
            overwrite_input,
            new_child_id,
        } = request;
        let key = self.key(source_id)?;
        let from = self.rerun_point(&key, event_id)?;
        if new_child_id.is_some() || (overwrite_input && event_id != 0) {
            let text = "the plugin's code says what is done again, with which input and under which id: rerun event \
                        0, the start, with another input, or rerun the event as it was";
            return Err(Status::invalid_argument(text));
        }
        let rerun = Rerun {
            from,
            input: overwrite_input.then(|| payload(input)),
            id: new_id,
            ..Rerun::default()
        };
        let view = self.0.runtime.rerun(&key, rerun).await;
        let view = view.map_err(of_rerun)?;
        Ok(RerunResponse {
            new_id: view.key.id,
        })
    }

    /// The event from which the history is gone on from, so that the one that is asked for is done again.
    fn rerun_point(&self, key: &WorkflowKey, event: u32) -> Result<u64, Status> {
        let runtime = &self.0.runtime;
        let view = runtime.workflow(key).map_err(of_store)?;
        let view = view.ok_or_else(|| unknown(&key.id))?;
        if event == 0 {
            return Ok(0);
        }
        let point = runtime.rerun_point(key, view.run, event.into());
        point.map_err(of_store)?.ok_or_else(|| {
            Status::not_found(format!(
                "workflow {} has scheduled nothing with event {event}: choose an event whose id its history shows, or 0 \
                 for its start",
                key.id
            ))
        })
    }

    fn list(&self, request: &ListRequest) -> Result<ListResponse, Status> {
        let wanted = request
            .page_size
            .and_then(|size| usize::try_from(size).ok());
        let limit = wanted.filter(|size| *size > 0).unwrap_or(PAGE).min(PAGE);
        let after = request.continuation_token.as_deref();
        let page = self.page(None, after, limit)?.unwrap_or_default();
        let ids: Vec<_> = page.into_iter().map(|view| view.key.id).collect();
        let more = ids.last().filter(|_| ids.len() == limit);
        Ok(ListResponse {
            continuation_token: more.cloned(),
            instance_ids: ids,
        })
    }

    fn history(&self, request: HistoryRequest) -> Result<HistoryResponse, Status> {
        let runtime = &self.0.runtime;
        let key = self.key(request.instance_id)?;
        let view = runtime.workflow(&key).map_err(of_store)?;
        let view = view.ok_or_else(|| unknown(&key.id))?;
        let mut narrator = Narrator::new(&view);
        let (mut events, mut next) = (Vec::new(), 0);
        loop {
            let page = runtime.history(&key, view.run, next, PAGE);
            let page = page.map_err(of_store)?;
            let Some((last, _)) = page.last() else {
                events.extend(narrator.stall());
                return Ok(HistoryResponse { events });
            };
            next = last + 1;
            let told = page
                .into_iter()
                .filter_map(|(number, event)| narrator.event(number, event));
            events.extend(told);
        }
    }
}

/// What purges did.
#[derive(Default)]
struct Tally {
    deleted: u64,
    left: u64,
}

impl Tally {
    fn add(&mut self, purged: Result<host_runtime::Purged, ControlError>) -> Result<(), Status> {
        match purged {
            Ok(purged) => {
                self.deleted += purged.deleted as u64;
                self.left += purged.left as u64;
                Ok(())
            }
            Err(error) => of_control::<()>(Err(error)),
        }
    }

    /// What a batch did; where it is gone or was given up, something may be left.
    fn add_all(&mut self, batch: Option<BatchView>) {
        let job = batch.map(|batch| batch.job).unwrap_or_default();
        let all = job.stage() == BatchStage::Completed;
        self.deleted += job.deleted;
        self.left += job.left + job.failed + u64::from(!all);
    }

    fn response(&self) -> PurgeResponse {
        PurgeResponse {
            deleted: i32::try_from(self.deleted).unwrap_or(i32::MAX),
            is_complete: Some(self.left == 0),
        }
    }
}

/// Where instances stand that are looked for; one that is none stands for anywhere.
fn stages(statuses: &[i32]) -> Result<Vec<Option<Stage>>, Status> {
    if statuses.is_empty() {
        return Ok(vec![None]);
    }
    let mut stages: Vec<_> = statuses
        .iter()
        .map(|one| stage(*one).map(Some))
        .collect::<Result<_, _>>()?;
    stages.sort_unstable();
    stages.dedup();
    Ok(stages)
}

fn stage(status: i32) -> Result<Stage, Status> {
    match messages::Status::try_from(status) {
        // It is no status of its own: what continues runs.
        Ok(messages::Status::Running | messages::Status::ContinuedAsNew) => Ok(Stage::Running),
        Ok(messages::Status::Completed) => Ok(Stage::Completed),
        Ok(messages::Status::Failed) => Ok(Stage::Failed),
        Ok(messages::Status::Canceled) => Ok(Stage::Cancelled),
        Ok(messages::Status::Terminated) => Ok(Stage::Terminated),
        Ok(messages::Status::Pending) => Ok(Stage::Pending),
        Ok(messages::Status::Suspended) => Ok(Stage::Suspended),
        Ok(messages::Status::Stalled) => Ok(Stage::Stalled),
        Err(_) => Err(Status::invalid_argument(format!(
            "{status} is no status of a workflow"
        ))),
    }
}

/// What stands there and was created in that span of time, both ends included.
fn selection(filter: &PurgeFilter, status: Option<Stage>) -> Selection {
    let millis = |time: &Option<_>| time.as_ref().map(state::millis);
    let behind = |last: u64| Timestamp(last.saturating_add(1));
    Selection {
        filter: WorkflowFilter { status, name: None },
        created_from: millis(&filter.created_from).map(Timestamp),
        created_until: millis(&filter.created_to).map(behind),
        ..Selection::default()
    }
}

/// A payload; none is an empty one.
fn payload(text: Option<String>) -> Payload {
    text.unwrap_or_default().into_bytes()
}

fn no_workers() -> Status {
    Status::unimplemented(
        "the host gives no work to workers: workflows and activities run inside it, as plugins that \"host serve\" or \
         \"host plugin deploy\" is given",
    )
}
