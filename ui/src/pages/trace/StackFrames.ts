/** A line of a stack trace that names a place in the code. */
export interface Frame {
  function: string;
  file: string; // "" if it is not known
  line: number; // 0 if it is not known
  own: boolean; // neither the standard library nor somebody else's package
  code: string; // the source line, if the trace has it
  note: string; // "created by", for a Go frame that is no call
}

/** A piece of a stack trace: frames that follow one another, or a line that is none. */
export type Part = { text: string } | { frames: Frame[] };

// First elements of the import paths of Go's standard library.
const goStd = new Set(
  "archive arena bufio bytes cmp compress container context crypto database debug embed encoding errors expvar flag fmt go hash html image index internal io iter log maps math mime net os path plugin reflect regexp runtime slices sort strconv strings structs sync syscall testing text time unicode unique unsafe vendor weak".split(" "),
);

const goFile = /^\s+(\S.*\.(?:go|s)):(\d+)(?: \+0x[0-9a-f]+)?\s*$/;
const goCreated = /^created by (.+?)(?: in goroutine \d+)?$/;
const java = /^\s*at ((?:[\w$.]+\/)*(?:[\w.-]+@[\w.-]+\/)?)([\w$.<>/-]+)\(([^():]*)(?::(\d+))?\)/;
const javaLibrary = /^(?:java|javax|jdk|sun|com\.sun|jakarta|kotlin|kotlinx|scala|groovy|org\.(?:springframework|apache|hibernate|eclipse|jboss|elasticsearch|postgresql|junit|slf4j|reactivestreams|mongodb)|io\.(?:netty|grpc|micrometer|opentelemetry|vertx|quarkus|micronaut|reactivex)|reactor|com\.(?:fasterxml|google|zaxxer|mysql|mongodb|squareup|datastax)|ch\.qos|okhttp3|redis\.clients)\./;
const python = /^\s*File "([^"]*)", line (\d+)(?:, in (.*))?$/;
const script = /^\s*at (?:(.*?) \()?((?:[a-z]+:\/\/)?[^()\s]*?):(\d+)(?::\d+)?\)?$/;
const dotnet = /^\s*at (.+?) in (.+?):line (\d+)$/;
const ruby = /^\s*(?:from )?(\/?[^\s:]+\.rb):(\d+):in [`']([^']*)'/;

const longest = 20_000; // lines; more are text

/**
 * Reads a stack trace as Go, Java, .NET, Python, Ruby and JavaScript write it. Lines of no known form stay as they are, in
 * their place.
 */
export function parts(stack: string): Part[] {
  const lines = stack.replace(/\s+$/, "").split(/\r?\n/);
  const rest = lines.splice(longest);
  const out: Part[] = [];
  const text = (t: string) => out.push({ text: t });
  const frame = (f: Omit<Frame, "code" | "note"> & Partial<Frame>) => {
    const last = out.at(-1);
    const whole = { code: "", note: "", ...f };
    if (last && "frames" in last) last.frames.push(whole);
    else out.push({ frames: [whole] });
  };
  for (let i = 0; i < lines.length; i++) {
    const l = lines[i];
    if (l.length > 2000) {
      text(l);
      continue;
    }
    let m: RegExpExecArray | null;
    if (i + 1 < lines.length && /^\S/.test(l) && lines[i + 1].length <= 2000 && (m = goFile.exec(lines[i + 1]))) {
      const created = goCreated.exec(l);
      const name = goFunction(created ? created[1] : l);
      frame({ function: name, file: m[1], line: Number(m[2]), own: goOwn(name, m[1]), note: created ? "created by" : "" });
      i++;
    } else if ((m = python.exec(l))) {
      const f = { function: m[3] ?? "", file: m[1], line: Number(m[2]), own: !/\/(?:site|dist)-packages\/|\/lib(?:64)?\/python\d|^</.test(m[1]), code: "" };
      // The source line and marks below it are indented deeper than "File".
      if (i + 1 < lines.length && /^ {4,}\S/.test(lines[i + 1]) && !python.test(lines[i + 1])) {
        f.code = lines[++i].trim();
        while (i + 1 < lines.length && /^\s+[~^\s]+$/.test(lines[i + 1])) i++;
      }
      frame(f);
    } else if ((m = dotnet.exec(l))) {
      frame({ function: m[1], file: m[2], line: Number(m[3]), own: !/^(?:System|Microsoft)\./.test(m[1]) });
    } else if ((m = java.exec(l)) && m[2].includes(".")) {
      frame({ function: m[2], file: m[3], line: Number(m[4] ?? 0), own: !/^(?:java|jdk)\./.test(m[1]) && !javaLibrary.test(m[2]) });
    } else if ((m = script.exec(l))) {
      frame({ function: m[1] ?? "", file: m[2], line: Number(m[3]), own: !/node_modules\/|^node:|^internal\//.test(m[2]) });
    } else if ((m = ruby.exec(l))) {
      frame({ function: m[3], file: m[1], line: Number(m[2]), own: !/\/gems\/|\/lib\/ruby\//.test(m[1]) });
    } else text(l);
  }
  if (rest.length) text(rest.join("\n"));
  return out;
}

// "example.com/store/orders.(*Basket).Total(0xc0001b2000, {0x9e1a58, …})" without its arguments.
function goFunction(line: string): string {
  if (!line.endsWith(")")) return line;
  // The last group of parentheses is the arguments: a method has its receiver's before a dot.
  let depth = 0;
  for (let i = line.length - 1; i >= 0; i--) {
    if (line[i] === ")") depth++;
    else if (line[i] === "(" && --depth === 0) return i > 0 ? line.slice(0, i) : line;
  }
  return line;
}

// The import path of a function: all up to the first dot after the last slash, its type parameters aside.
function goPackage(name: string): string {
  const plain = name.replace(/\[.*$/, "");
  const slash = plain.lastIndexOf("/", plain.indexOf("(") < 0 ? undefined : plain.indexOf("("));
  const dot = plain.indexOf(".", slash + 1);
  return dot < 0 ? "" : plain.slice(0, dot);
}

function goOwn(name: string, file: string): boolean {
  if (/\/pkg\/mod\/|\/vendor\/|@v\d/.test(file) || /\/go\/src\/(?:runtime|internal|net|database|encoding|crypto|sync|reflect)\//.test(file)) return false;
  const pkg = goPackage(name);
  const first = pkg.split("/")[0];
  if (pkg === "" || pkg.startsWith("weft/")) return false; // panic(), goexit; what was woven in
  return first === "main" || first.includes(".") || !goStd.has(first);
}
