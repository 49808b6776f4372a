//! The contract as wasmtime's macro sees it. Only the files that convert to plain values use it.

wasmtime::component::bindgen!({
    path: "../../wit",
    world: "plugin",
    imports: {
        "durable:plugin/workflow.wait-any": async | trappable,
        "durable:plugin/workflow.wait-more": async | trappable,
        "durable:plugin/workflow.wait": async | trappable,
        "durable:plugin/workflow.call-activity": async | trappable,
        "durable:plugin/actor.call": async | trappable,
        "durable:plugin/actor.start-workflow": async | trappable,
        "durable:plugin/actor.get-workflow": async | trappable,
        "durable:plugin/actor.raise-event": async | trappable,
        "durable:plugin/activity.call-actor": async | trappable,
        "durable:plugin/activity.send": async | trappable,
        "durable:plugin/activity.send-later": async | trappable,
        "durable:plugin/activity.cancel-message": async | trappable,
        "durable:plugin/activity.raise-event": async | trappable,
        "durable:plugin/activity.publish": async | trappable,
        default: trappable,
    },
    exports: { default: async },
});
