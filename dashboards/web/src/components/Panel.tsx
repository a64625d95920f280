// A sheet of the page: a title, what can be done with it, and its content.
import type { ReactNode } from "react";
import style from "./Panel.module.css";

interface PanelProps {
  title?: ReactNode;
  /** One line that says what is shown. */
  about?: ReactNode;
  actions?: ReactNode;
  children: ReactNode;
  /** Content reaches the edges: tables and maps. */
  flush?: boolean;
  className?: string;
}

export function Panel({ title, about, actions, children, flush = false, className = "" }: PanelProps) {
  return (
    <section className={`${style.panel} ${className}`}>
      {(title || actions) && (
        <div className={style.head}>
          <div className="grow">
            {title && <h2>{title}</h2>}
            {about && <p className={style.about}>{about}</p>}
          </div>
          {actions && <div className="row">{actions}</div>}
        </div>
      )}
      <div className={flush ? style.flush : style.body}>{children}</div>
    </section>
  );
}

/** The name of a page, with what it is of and what can be done. */
export function PageHead({ title, about, actions }: { title: ReactNode; about?: ReactNode; actions?: ReactNode }) {
  return (
    <div className={style.page}>
      <div className="grow">
        <h1 className="wrap">{title}</h1>
        {about && <div className={style.about}>{about}</div>}
      </div>
      {actions && <div className="row">{actions}</div>}
    </div>
  );
}
