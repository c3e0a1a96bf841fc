export default function Page() {
  return <p>A page</p>;
}
export const getServerSideProps = () => ({ props: {} });
