// One line for each check, which the runner counts: `ok NAME`, or `not ok NAME: WHY`.

const PATIENCE = 20_000;

export async function check(name, work, patience = PATIENCE) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no end after ${patience} ms`)), patience);
  });
  try {
    await Promise.race([work(), late]);
    console.log(`ok ${name}`);
  } catch (error) {
    const why = error?.cause ? `${error} (${error.cause})` : `${error}`;
    console.log(`not ok ${name}: ${why.replaceAll("\n", " ")}`);
  } finally {
    clearTimeout(timer);
  }
}

export function expect(actual, wanted, what = "it") {
  const [is, should] = [JSON.stringify(actual), JSON.stringify(wanted)];
  if (is !== should) throw new Error(`${what} is ${is} and should be ${should}`);
}

export function expectIn(part, whole, what = "it") {
  if (!`${whole}`.includes(part)) throw new Error(`${what} lacks ${part}: ${whole}`);
}

/** What the runner said, as one JSON text. */
export const told = JSON.parse(process.argv[2] ?? "{}");
