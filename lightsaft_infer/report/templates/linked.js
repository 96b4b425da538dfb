
// The audio of a track, from the site of the page.
async function audioOf(script) {
  const answer = await fetch(script.dataset.link);
  if (!answer.ok) throw new Error(`${script.dataset.link}: ${answer.status}`);
  return answer.arrayBuffer();
}
