// The pictures of the README, out of the screenshots of a good run: small, cut at a screen, as WebP by the browser itself.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { artefacts, assert } from "./harness.mjs";

const BYTES_MAX = 150_000;
const HEIGHT_MAX = 900;
const QUALITIES = [0.9, 0.8, 0.65];
/** Screenshot and name of the picture. */
const PICTURES = [["map-incident", "map"], ["incident-top", "incident"], ["why", "why"], ["order", "order"]];

async function webp(page, png, quality) {
  const data = await page.evaluate(
    async ({ source, quality, most }) => {
      const image = new Image();
      image.src = source;
      await image.decode();
      const canvas = document.createElement("canvas");
      canvas.width = image.width;
      canvas.height = Math.min(image.height, most);
      canvas.getContext("2d").drawImage(image, 0, 0);
      return canvas.toDataURL("image/webp", quality);
    },
    { source: `data:image/png;base64,${png.toString("base64")}`, quality, most: HEIGHT_MAX },
  );
  return Buffer.from(data.split(",")[1], "base64");
}

export async function writePictures(browser, folder) {
  mkdirSync(folder, { recursive: true });
  const page = await browser.newPage();
  for (const [from, name] of PICTURES) {
    const path = join(artefacts, `${from}.png`);
    if (!existsSync(path)) {
      console.log(`no picture ${name}: ${from}.png was not made`);
      continue;
    }
    const png = readFileSync(path);
    let made = null;
    for (const quality of QUALITIES) {
      made = await webp(page, png, quality);
      if (made.length <= BYTES_MAX) break;
    }
    assert(made.length <= BYTES_MAX, `the picture ${name} is ${made.length} bytes large`);
    writeFileSync(join(folder, `${name}.webp`), made);
    console.log(`  picture ${name}: ${made.length} bytes`);
  }
  await page.close();
}
