import type { ButtonHTMLAttributes, ComponentChildren } from "preact";
import { Icon, type IconName } from "./Icon";
import s from "./Button.module.css";

interface Props extends Omit<ButtonHTMLAttributes<HTMLButtonElement>, "icon" | "size"> {
  icon?: IconName;
  look?: "plain" | "primary" | "quiet";
  pressed?: boolean; // of a switch
  label?: string; // of a button that has only an icon
  children?: ComponentChildren;
}

/** A button with words, an icon, or both. With only an icon it needs a label, which is its tooltip as well. */
export function Button({ icon, look = "plain", pressed, label, children, class: c, ...rest }: Props) {
  return (
    <button type="button" {...rest} class={[s.button, s[look], !children && s.square, c].filter(Boolean).join(" ")} aria-pressed={pressed} aria-label={label} title={rest.title ?? label}>
      {icon && <Icon name={icon} />}
      {children}
    </button>
  );
}

/** Alternatives of which one is chosen, side by side. */
export function Segments<T extends string>({ value, options, onChange, label }: { value: T; options: readonly { value: T; text: ComponentChildren; title?: string }[]; onChange: (v: T) => void; label: string }) {
  return (
    <div class={s.segments} role="group" aria-label={label}>
      {options.map((o) => (
        <button key={o.value} type="button" class={s.segment} aria-pressed={o.value === value} title={o.title} onClick={() => onChange(o.value)}>
          {o.text}
        </button>
      ))}
    </div>
  );
}
