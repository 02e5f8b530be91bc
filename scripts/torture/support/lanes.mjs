/** `work(item, lane)` for each item, `lanes` of them at a time, begun in order, until `over()`. */
export async function inLanes(items, lanes, work, over = () => false) {
  const waiting = [...items]
  const one = async lane => {
    while (waiting.length > 0 && !over()) await work(waiting.shift(), lane)
  }
  await Promise.all(Array.from({ length: lanes }, (_, lane) => one(lane)))
}
