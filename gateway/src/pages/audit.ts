// The audit log as a table, with its filters above.
import type { AuditDocument } from '../arcgis/audit.js';
import { html, type Html } from './html.js';

export interface AuditPage {
  events: readonly AuditDocument[];
  /** What was asked for, by the names of the parameters. */
  asked: ReadonlyMap<string, string>;
  actions: readonly string[];
  action: string;
  /** Address of the page that follows; null on the last one. */
  next: string | null;
}

const row = (event: AuditDocument): Html =>
  html`<tr>
    <td>${event.time === null ? '' : new Date(event.time).toISOString()}</td>
    <td>${event.user === '' ? '–' : event.user}</td>
    <td>${event.address} ${event.caller}</td>
    <td>${event.action}</td>
    <td>${event.resource}</td>
    <td>${event.result}</td>
    <td>${event.detail}</td>
  </tr>`;

export function auditPage({ events, asked, actions, action, next }: AuditPage): Html {
  const value = (name: string): string => asked.get(name) ?? '';
  return html` <h1>Audit log</h1>
    <form action="${action}" class="sharing">
      <label>User <input name="user" value="${value('user')}" /></label>
      <label
        >Action
        <select name="action">
          <option value="">all</option>
          ${actions.map((word) => html`<option ${word === value('action') ? html`selected` : ''}>${word}</option>`)}
        </select></label
      >
      <label>Resource <input name="resource" value="${value('resource')}" /></label>
      <label>From <input name="from" value="${value('from')}" placeholder="2026-11-27T06:00:00Z" /></label>
      <label>To <input name="to" value="${value('to')}" /></label>
      <button>Show</button>
    </form>
    <table>
      <thead>
        <tr>
          <th>Time</th>
          <th>User</th>
          <th>From</th>
          <th>Action</th>
          <th>Of what</th>
          <th>Result</th>
          <th>Detail</th>
        </tr>
      </thead>
      <tbody>
        ${events.map(row)}
      </tbody>
    </table>
    ${events.length === 0 ? html`<p>There are no such events.</p>` : ''}
    ${next === null ? '' : html`<p><a class="button" href="${next}">Older</a></p>`}`;
}
