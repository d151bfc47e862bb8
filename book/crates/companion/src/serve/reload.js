// Reloads the page after a build. A hidden page holds no connection, since a
// browser opens only six to one server; it catches up when it is shown again.
let known = null;
let events = null;

function follow() {
  if (document.hidden) {
    events?.close();
    events = null;
  } else if (!events) {
    events = new EventSource("/-/builds");
    events.onmessage = ({ data }) => {
      if (known !== null && known !== data) location.reload();
      known = data;
    };
  }
}

document.addEventListener("visibilitychange", follow);
follow();
