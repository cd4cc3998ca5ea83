// Typeset formulas with KaTeX. Standard input: [{"latex", "display", "plain"}, …];
// standard output: [{"html"} or {"error"}, …], in the same order.
// `plain` gives MathML alone, which needs no style sheet: the speaker's window has none.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { join } from "node:path";

const katex = createRequire(join(process.argv[2], "package.json"))("katex");

const typeset = ({ latex, display, plain }) => {
  try {
    const html = katex.renderToString(latex, {
      displayMode: display,
      output: plain ? "mathml" : "htmlAndMathml",
      strict: (kind) => (kind === "unicodeTextInMathMode" ? "ignore" : "error"),
    });
    return { html };
  } catch (error) {
    return { error: error.message };
  }
};

const formulas = JSON.parse(readFileSync(0, "utf8"));
process.stdout.write(JSON.stringify(formulas.map(typeset)));
