import { useState } from "preact/hooks";
import { fullTime, time, utc, zone } from "../format";
import { bounds, defaultRange, live, range, refresh, relativeMs, setRange } from "../range";
import { Button } from "../ui/Button";
import { Popover } from "../ui/Popover";
import { t } from "./messages";
import s from "./RangePicker.module.css";

const lengths = ["-5m", "-15m", "-30m", "-1h", "-3h", "-6h", "-12h", "-24h", "-2d", "-7d"];

/** How a relative time is called: "Last 15 minutes". */
export function rangeName(from: string): string {
  const minutes = relativeMs(from) / 60e3;
  if (minutes < 60) return t.last(t.minutes(minutes));
  if (minutes < 48 * 60) return t.last(t.hours(minutes / 60));
  return t.last(t.days(minutes / 1440));
}

/** Chooses the time range of the page, steps through time, and loads again: once or by itself. */
export function RangePicker() {
  const r = range.value;
  const b = bounds(r);
  const width = b.to - b.from;
  const text = r.relative ? rangeName(r.from) : `${time(b.from)} – ${time(b.to)}`;
  const step = (by: number) => setRange({ from: b.from + by * width, to: b.to + by * width });
  return (
    <div class={s.picker}>
      <Button look="quiet" icon="left" label={t.earlier} onClick={() => step(-0.5)} class={s.step} />
      <Popover icon="clock" label={`${t.range}: ${text}`} align="right" text={<span class={s.text}>{text}</span>}>
        {(close) => <Choice close={close} />}
      </Popover>
      <Button look="quiet" icon="right" label={t.later} disabled={r.relative} class={s.step} onClick={() => (b.to + width / 2 >= Date.now() ? setRange(defaultRange) : step(0.5))} />
      <Button look="quiet" icon="refresh" label={t.refresh} onClick={refresh} />
      <Button icon={live.value ? "pause" : "play"} pressed={live.value && r.relative} disabled={!r.relative} title={t.liveTitle} onClick={() => (live.value = !live.value)} class={s.live}>
        {t.live}
      </Button>
    </div>
  );
}

// What an <input type="datetime-local"> has, in the zone that times are shown in.
function toInput(at: number): string {
  const d = utc.value ? new Date(at) : new Date(at - new Date(at).getTimezoneOffset() * 60e3);
  return d.toISOString().slice(0, 19);
}

function fromInput(v: string): number {
  return new Date(utc.value ? v + "Z" : v).getTime();
}

function Choice({ close }: { close: () => void }) {
  const r = range.value;
  const b = bounds(r);
  const [from, setFrom] = useState(toInput(b.from));
  const [to, setTo] = useState(toInput(b.to));
  const valid = fromInput(to) > fromInput(from);
  return (
    <div class={s.choice}>
      <ul class={s.lengths}>
        {lengths.map((l) => (
          <li key={l}>
            <button
              type="button"
              class={s.length}
              aria-pressed={r.relative && r.from === l}
              onClick={() => {
                setRange(l);
                close();
              }}
            >
              {rangeName(l)}
            </button>
          </li>
        ))}
      </ul>
      <form
        class={s.form}
        onSubmit={(e) => {
          e.preventDefault();
          if (!valid) return;
          setRange({ from: fromInput(from), to: fromInput(to) });
          close();
        }}
      >
        <label>
          {t.from}
          <input type="datetime-local" step="1" value={from} onInput={(e) => setFrom(e.currentTarget.value)} required />
        </label>
        <label>
          {t.to}
          <input type="datetime-local" step="1" value={to} onInput={(e) => setTo(e.currentTarget.value)} required />
        </label>
        <p class={s.zone} title={fullTime(b.to)}>
          {valid ? zone() : <span role="alert">{t.order}</span>}
        </p>
        <Button type="submit" look="primary" disabled={!valid}>
          {t.apply}
        </Button>
      </form>
    </div>
  );
}
