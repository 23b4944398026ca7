//! Events that are not calls: records of the tool that wrote the capture, of plugins, containers and users.

old_events! {
    PROCEXIT_E = 16 "procexit" Process [MODIFIES_STATE | TRACEPOINT] {}
    SCHEDSWITCH_1_E = 146 "switch" Scheduler [TRACEPOINT] { next: Pid; }
    DROP_X = 149 "drop" Internal [TRACEPOINT] { ratio: U32; }
    SCAPEVENT_E = 196 "scapevent" Internal [TRACEPOINT | INTERNAL] { event_type: U32; event_data: U64; }
    CONTAINER_E = 228 "container" Internal [MODIFIES_STATE | TRACEPOINT | INTERNAL] {
        id: Text; type: U32; name: Text; image: Text;
    }
    CPU_HOTPLUG_E = 244 "cpu_hotplug" System [MODIFIES_STATE | TRACEPOINT] { cpu: U32; action: U32; }
    K8S_E = 260 "k8s" Internal [MODIFIES_STATE | TRACEPOINT | INTERNAL] { json: Text; }
    TRACER_E = 268 "tracer" Other [TRACEPOINT] { id: I64; tags: TextArray; args: PairArray; }
    MESOS_E = 270 "mesos" Internal [MODIFIES_STATE | TRACEPOINT | INTERNAL] { json: Text; }
    CONTAINER_JSON_E = 272 "container" Process [MODIFIES_STATE | TRACEPOINT] { json: Text; }
    NOTIFICATION_E = 280 "notification" Other [TRACEPOINT] { id: Text; desc: Text; }
    INFRASTRUCTURE_EVENT_E = 286 "infra" Internal [TRACEPOINT | INTERNAL] {
        source: Text; name: Text; description: Text; scope: Text;
    }
    PLUGINEVENT_E = 322 "pluginevent" Other [TRACEPOINT] { plugin_id: U32; event_data: Bytes; }
    CONTAINER_JSON_2_E = 324 "container" Process [MODIFIES_STATE | TRACEPOINT] { json: Text; }
    USER_ADDED_E = 354 "useradded" Process [MODIFIES_STATE | TRACEPOINT] {
        uid: U32; gid: U32; name: Text; home: Text; shell: Text; container_id: Text;
    }
    USER_DELETED_E = 356 "userdeleted" Process [MODIFIES_STATE | TRACEPOINT] {
        uid: U32; gid: U32; name: Text; home: Text; shell: Text; container_id: Text;
    }
    GROUP_ADDED_E = 358 "groupadded" Process [MODIFIES_STATE | TRACEPOINT] {
        gid: U32; name: Text; container_id: Text;
    }
    GROUP_DELETED_E = 360 "groupdeleted" Process [MODIFIES_STATE | TRACEPOINT] {
        gid: U32; name: Text; container_id: Text;
    }
    ASYNCEVENT_E = 402 "asyncevent" Other [TRACEPOINT] { plugin_id: U32; name: Text; data: Bytes; }
}
