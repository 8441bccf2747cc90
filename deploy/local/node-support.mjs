// Says in one line when the Node.js that runs is out of support: node-support.mjs [VERSION [DATE]]
// Ends of life: https://github.com/nodejs/release#release-schedule
const ends = { 20: '2026-04-30', 22: '2027-04-30', 24: '2028-04-30', 26: '2029-04-30' };
const wanted = 24;

const [version = process.versions.node, date = new Date().toISOString().slice(0, 10)] = process.argv.slice(2);
const major = Number(version.split('.')[0]);
// Odd ones end some months after the next even one is there; what is older than the list has ended.
const end = ends[major] ?? ends[major + 1];
if (major < 20) console.log(`Node.js ${version} is too old; install Node.js ${wanted}.`);
else if (end !== undefined && date > end)
  console.log(`Node.js ${version} has had no security updates since ${end}; Sortie works with it, but install Node.js ${wanted}.`); // prettier-ignore
