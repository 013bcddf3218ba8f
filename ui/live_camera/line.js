// The line to Python: one question at a time goes out as a trigger, its answer comes back as data.
// It is apart from the view, so that an answer carries nothing but itself.

const LINE = Symbol.for("tusker.live.line");

export default function ({ data, setTriggerValue }) {
  const line = (globalThis[LINE] ??= { send: null, hear: null, ready: null });
  const send = (question) => setTriggerValue("question", question);
  line.send = send;
  line.ready?.();
  if (data) line.hear?.(data);
  return () => {
    if (line.send === send) line.send = null;
  };
}
