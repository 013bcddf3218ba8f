// @ts-check
// Streamlit component that carries requests to Python and their responses back.
// It is separate from the view: Streamlit sends all data of a component with each response.

export default function ({ data, setTriggerValue }) {
  const channel = (globalThis[Symbol.for("tusker.live")] ??= { send: null, receive: null });
  const send = (request) => setTriggerValue("request", request);
  channel.send = send;
  if (data) channel.receive?.(data);
  return () => {
    if (channel.send === send) channel.send = null;
  };
}
