// Makes editor.js of entry.js: one minified module, with the name, version and licence of all that
// is in it at its head. The texts of the licences go to editor.licenses.txt.
import { readFileSync, writeFileSync } from "node:fs";
import { build } from "esbuild";

const packageOf = (file) => file.match(/node_modules\/((?:@[^/]+\/)?[^/]+)\//)?.[1];

const made = await build({
  entryPoints: ["entry.js"],
  bundle: true,
  format: "esm",
  target: "es2022",
  minify: true,
  legalComments: "none",
  metafile: true,
  write: false,
});
const files = Object.keys(made.metafile.inputs);
const names = [...new Set(files.map(packageOf).filter(Boolean))].sort();
const packages = names.map((name) => {
  const { version, license } = JSON.parse(readFileSync(`node_modules/${name}/package.json`));
  const text = readFileSync(`node_modules/${name}/LICENSE`, "utf8").trim();
  return { line: `${name} ${version}, ${license}`, text };
});
const head = ["Made by npm run build; see README.md. In it:", ...packages.map(({ line }) => line)];
writeFileSync("editor.js", `/* ${head.join("\n   ")} */\n${made.outputFiles[0].text}`);
writeFileSync(
  "editor.licenses.txt",
  packages.map(({ line, text }) => `${line}\n\n${text}\n`).join("\n---\n\n"),
);
