
// The audio of a track, embedded in the page.
function audioOf(script) {
  const text = atob(script.textContent);
  const array = new Uint8Array(text.length);
  for (let index = 0; index < text.length; index++) array[index] = text.charCodeAt(index);
  return array.buffer;
}
